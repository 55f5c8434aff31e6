// A version keeps its colour wherever it is shown; the first ones named are the most used. Its name stands beside it.

const COLOURS = 6;
const coloured = new Map();

export function colourOf(version) {
  if (!coloured.has(version)) coloured.set(version, `c${coloured.size % COLOURS}`);
  return coloured.get(version);
}
