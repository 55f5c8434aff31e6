// The newest of each document that the feed brought: a view that opens later has them at once.

const held = new Map();

export function keep(message) {
  if (message.document === null) held.delete(message.path);
  else held.set(message.path, message);
}

export const newest = (path) => held.get(path)?.document ?? null;

export const everything = (told) => held.forEach(told);

const counted = new WeakMap();

// How many features of a document of drift have drifted: counted once for each document, read for each route and redraw.
export function drifted(document) {
  if (!document) return 0;
  if (!counted.has(document)) counted.set(document, document.features.filter((row) => row.drifted).length);
  return counted.get(document);
}

export const any = () => held.size > 0;
