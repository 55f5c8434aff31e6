// Bars and distributions. Widths go through the style object, which the policy allows; style attributes are not used.

import { badge, figure, h, number, part, percents, svg } from "./dom.js";

export function bar(ratio, tone = "") {
  const inner = h("span", { class: `fill ${tone}` });
  inner.style.width = `${100 * Math.min(Math.max(ratio, 0), 1)}%`;
  return h("span", { class: "bar", "aria-hidden": "true" }, inner);
}

// Who gets what: a bar of the live split. `parts`: [version, percent, colour class].
export function shares(parts) {
  const told = parts.map(([version, percent]) => `${version} ${percents(percent)} %`).join(", ");
  const bars = parts.filter(([, percent]) => percent > 0).map(([version, percent, colour]) => {
    const piece = h("span", { class: `share ${colour}`, title: `${version}: ${percents(percent)} %` });
    piece.style.flexGrow = percent;
    if (percent >= 12) piece.append(h("b", {}, `${percents(percent)} %`));
    return piece;
  });
  return h("div", { class: "shares", role: "img", "aria-label": told }, ...bars);
}

// What is held against a limit: the bar is the value, the mark the limit. Null where there is no value.
export function meter(line) {
  const value = number(line.value);
  if (value === null || Number.isNaN(value) || line.limit === null) return h("span", { class: "meter empty" });
  const end = 1.35 * Math.max(line.limit, Number.isFinite(value) ? value : 2 * line.limit, 1e-12);
  const shown = bar(Math.min(value, end) / end, line.verdict);
  const mark = h("span", { class: "mark" });
  mark.style.left = `${(100 * line.limit) / end}%`;
  return h("span", { class: "meter", "aria-hidden": "true" }, shown, mark);
}

const WIDTH = 240;
const HEIGHT = 64;

function labels(shape) {
  const { edges, categories } = shape;
  if (shape.kind === "category") return [...categories, "other", "missing"];
  if (!edges.length) return ["any", "missing"];
  const between = edges.slice(1).map((edge, at) => `${figure(edges[at])} – ${figure(edge)}`);
  return [`< ${figure(edges[0])}`, ...between, `≥ ${figure(edges.at(-1))}`, "missing"];
}

// Reference (pale) and live (coloured) shares of each bin, beside each other.
export function distribution(shape, colour, feature) {
  const names = labels(shape);
  const top = Math.max(...shape.reference, ...shape.live, 1e-9);
  const slot = WIDTH / shape.reference.length;
  const bins = shape.reference.map((reference, at) => {
    const live = shape.live.length ? shape.live[at] : null;
    const column = (share, offset, kind) => {
      const height = (HEIGHT * share) / top;
      return svg("rect", {
        class: kind, x: at * slot + offset, y: HEIGHT - height, width: Math.max(slot * 0.4, 1), height, rx: 1,
      });
    };
    const told = `${names[at] ?? at}: reference ${part(reference)}, live ${part(live)}`;
    return svg("g", {}, svg("title", {}, told),
      svg("rect", { class: "catch", x: at * slot, y: 0, width: slot, height: HEIGHT }),
      column(reference, slot * 0.08, "reference"), live === null ? null : column(live, slot * 0.5, `live ${colour}`));
  });
  const told = shape.reference.map((share, at) =>
    `${names[at]}: ${part(share)} before, ${part(shape.live[at])} live`).join("; ");
  const picture = svg("svg", { class: "distribution", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none",
    role: "img", "aria-label": `Share of values by bin of ${feature}. ${told}` }, ...bins);
  return h("figure", { class: "histogram" }, h("span", { class: "top-of-scale", "aria-hidden": "true" }, part(top)), picture,
    h("div", { class: "bins", "aria-hidden": "true" }, ...below(shape, names)),
    h("figcaption", {}, `share of values, by bin of ${feature}`));
}

const MOST_NAMES = 5;

// The names of bins: each under its own where there is room, else the first and the last, and that of what is missing.
function below(shape, names) {
  if (names.length <= MOST_NAMES) return names.map((text) => h("span", { class: "bin", title: text }, text));
  return [h("span", {}, names[0]), h("span", {}, `${names.at(-2)}, ${names.at(-1)}`)];
}

const TONES = { pass: "good", fail: "bad", undecided: "open" };
const MARKS = { pass: "✓", fail: "✕", undecided: "…" };

export const verdict = (outcome) => badge(`${MARKS[outcome] ?? ""} ${outcome}`, TONES[outcome]);
