// Lines and areas on one axis of time. The picture is stretched to the place it gets, so nothing is drawn anew when that
// changes: 1000 units wide, 100 high, lines of constant width. What is unknown leaves a gap.

import { number, svg } from "./dom.js";

const WIDE = 1000;
const HIGH = 100;
const EDGE = 4; // beyond both ends: what is on an edge is drawn whole

const r = (x) => Math.round(10 * x) / 10;

// The least round number that is not below `x`: 1, 2, 2.5 or 5 times a power of ten.
export function above(x) {
  if (!(x > 0) || !Number.isFinite(x)) return 1;
  const power = 10 ** Math.floor(Math.log10(x));
  return power * [1, 2, 2.5, 5, 10].find((each) => each * power >= x * (1 - 1e-9));
}

// The height of a value; what is off the scale, or infinite, is at its edge.
const scale = (low, high) => (value) => r(HIGH * (1 - (Math.min(Math.max(number(value), low), high) - low) / (high - low)));

const known = (value) => value !== null && value !== undefined && !Number.isNaN(number(value));

// A value that stands alone, between two gaps, is as wide as its step: a point would not be seen.
export function line(values, low, high) {
  const y = scale(low, high);
  const slot = WIDE / values.length;
  let drawn = "";
  values.forEach((value, at) => {
    if (!known(value)) return;
    const x = (at + 0.5) * slot;
    const [before, after] = [known(values[at - 1]), known(values[at + 1])];
    if (before) drawn += `L${r(x)} ${y(value)}`;
    else drawn += after ? `M${r(x)} ${y(value)}` : `M${r(x - slot / 2)} ${y(value)}H${r(x + slot / 2)}`;
  });
  return drawn;
}

// Runs of steps for which something holds: [first, after the last].
export function runs(n, holds) {
  const found = [];
  for (let at = 0; at < n; at += 1) {
    if (!holds(at)) continue;
    if (found.length && found.at(-1)[1] === at) found.at(-1)[1] = at + 1;
    else found.push([at, at + 1]);
  }
  return found;
}

// An edge of an area: along each of the places to its end, and up or down where the next one is at another height.
function edge(places, height, end) {
  let drawn = "";
  places.forEach((at, nth) => {
    if (nth && height(at) === height(places[nth - 1])) return;
    drawn += `${nth ? `H${end(places[nth - 1])}` : ""}V${height(at)}`;
  });
  return `${drawn}H${end(places.at(-1))}`;
}

// Areas on top of one another, each step as wide as it is: what holds, holds for the whole of a step.
export function stacked(rows, high) {
  const n = rows[0].values.length;
  const slot = WIDE / n;
  const y = scale(0, high);
  let floor = new Array(n).fill(0);
  return rows.map((row) => {
    const top = floor.map((below, at) => below + (number(row.values[at]) || 0));
    const under = floor;
    floor = top;
    return runs(n, (at) => number(row.values[at]) > 0).map(([from, to]) => {
      const places = Array.from({ length: to - from }, (_, at) => from + at);
      return `M${r(from * slot)} ${y(under[from])}${edge(places, (at) => y(top[at]), (at) => r((at + 1) * slot))}` +
        `${edge(places.reverse(), (at) => y(under[at]), (at) => r(at * slot))}Z`;
    }).join("");
  });
}

// `n` steps of which those that nobody looked at are `gaps`; `marks`: [part of the width, tone].
export function plot({ rows, stack, low, high, limit, label }, { gaps, marks }) {
  const paths = stack ? stacked(rows, high) : rows.map((row) => line(row.values, low, high));
  const n = rows[0].values.length;
  const unseen = gaps.map(([from, to]) => `M${r((WIDE * from) / n)} 0H${r((WIDE * to) / n)}V${HIGH}H${r((WIDE * from) / n)}Z`);
  const level = limit === null || limit === undefined ? null : scale(low, high)(limit);
  const tones = [...new Set(marks.map(([, tone]) => tone))];
  return svg("svg", { class: "lines-of-time", viewBox: `0 ${-EDGE} ${WIDE} ${HIGH + 2 * EDGE}`, preserveAspectRatio: "none", role: "img",
    "aria-label": label },
    unseen.length ? svg("path", { class: "gap", d: unseen.join("") }) : null,
    svg("path", { class: "rule", d: `M0 ${HIGH}H${WIDE}M0 0H${WIDE}` }),
    low < 0 ? svg("path", { class: "rule", d: `M0 ${scale(low, high)(0)}H${WIDE}` }) : null,
    ...tones.map((tone) => svg("path", { class: `marked ${tone}`,
      d: marks.filter((each) => each[1] === tone).map(([part]) => `M${r(WIDE * part)} 0V${HIGH}`).join("") })),
    ...rows.map((row, at) => (paths[at] ? svg("path", { class: `${stack ? "area" : "drawn"} ${row.colour} ${row.dash ?? ""}`,
      d: paths[at] }) : null)),
    level === null ? null : svg("path", { class: "limit", d: `M0 ${level}H${WIDE}` }));
}
