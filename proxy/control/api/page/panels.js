// A history → the plots of it, top to bottom: which series make a plot, its scale, and what is said of a step. A figure
// is said with what it is of; what is missing says why: not observed, nothing to measure, or still to come.

import { count, figure, number, part, percents, seconds } from "./dom.js";
import { above } from "./plot.js";

const DASHES = { primary: "", canary: "", baseline: "long", shadow: "dash", rescue: "dotted", noise: "dotted" };
const KINDS = ["", "dash", "dotted", "long", "mixed"]; // lines of one version in one plot
const MOST_FEATURES = 5;

const top = (rows, least) => above(Math.max(least, ...rows.flatMap((row) => row.values.map(number))
  .filter((value) => Number.isFinite(value))));

const words = (text) => text.replaceAll("_", " ");

class Past {
  constructor(document) {
    this.document = document;
    this.observed = this.named("observed")[0]?.values ?? [];
    this.seconds = document.step;
  }

  named(name) {
    return this.document.series.filter((each) => each.name === name);
  }

  of(series, name) {
    return this.named(name).find((each) => each.version === series.version && each.role === series.role);
  }

  // Seconds of a step that were observed: one that is under way is no fall of traffic.
  lasted(at) {
    return this.seconds * (this.observed[at] || 1);
  }

  // Why there is no value.
  missing(at) {
    if (this.document.from + at * this.seconds >= this.document.until) return "still to come";
    return this.observed[at] ? "nothing to measure" : "not observed";
  }
}

export const infinite = (value) => (Number.isFinite(number(value)) ? null : number(value) > 0 ? "infinite" : "minus infinite");

// A row of a plot: `say(value, at)` for what is known.
const row = (past, colourOf, series, more) => ({
  label: series.version ?? "", role: series.role ?? "", colour: series.version ? colourOf(series.version) : "plain",
  dash: DASHES[series.role] ?? "", values: series.values, series, ...more,
  read(at) {
    const value = this.values[at];
    return value === null || value === undefined ? past.missing(at) : infinite(value) ?? this.say(number(value), at);
  },
});

const perSecond = (past) => (series) => series.values.map((n, at) => (n === null ? null : n / past.lasted(at)));

function traffic(past, colourOf) {
  const made = (series, more = {}) => row(past, colourOf, series, { values: perSecond(past)(series),
    say: (rate, at) => `${figure(rate)}/s (${count(series.values[at])})`, ...more });
  const rows = past.named("requests").map((series) => made(series));
  return { key: "traffic", title: "Requests", about: "per second", rows, high: top(rows, 1), scale: (v) => `${figure(v)}/s` };
}

function split(past, colourOf) {
  const rows = past.named("share").map((series) => row(past, colourOf, series, { say: (v) => `${percents(v)} %` }));
  return { key: "split", title: "Split", about: "of live traffic, as decided", rows, stack: true, high: 100, scale: (v) => `${v} %` };
}

const NOT_BAD = ["good", "not_an_inference"];

function outcomes(past, colourOf) {
  const all = past.document.series.filter((each) => each.name.startsWith("outcome.") && !NOT_BAD.includes(each.name.slice(8)));
  const kinds = [...new Set(all.map((each) => each.name))].sort((a, b) => (b === "outcome.failed") - (a === "outcome.failed"));
  const rows = kinds.flatMap((kind, nth) => all.filter((each) => each.name === kind).map((series) => row(past, colourOf,
    series, { dash: KINDS[nth] ?? "mixed", role: `${series.role} ${words(kind.slice(8))}`,
      say: (v, at) => `${part(v)}: ${count(series.counts?.[at])} of ${count(past.of(series, series.of)?.values[at])}` })));
  return { key: "outcomes", title: "Outcomes", about: "other than good", rows, high: top(rows, 0.01), scale: part };
}

function latency(past, colourOf) {
  const told = (series) => (_, at) => ["p50", "p90", "p99"].map((q) => {
    const value = past.of(series, `latency.${q}`)?.values[at];
    return `${q} ${value === null || value === undefined ? past.missing(at) : infinite(value) ?? seconds(number(value))}`;
  }).join(" · ");
  const rows = past.named("latency.p99").map((series) => row(past, colourOf, series, { say: told(series) }));
  const medians = past.named("latency.p50").map((series) => row(past, colourOf, series,
    { unsaid: true, dash: `${DASHES[series.role] ?? ""} pale`, say: seconds }));
  return { key: "latency", title: "Latency", about: "p99, and p50 pale", rows: [...medians, ...rows], high: top([...medians,
    ...rows], 1e-6), scale: seconds };
}

const ratios = (name, title, about, of, least) => (past, colourOf) => {
  const rows = past.named(name).map((series) => row(past, colourOf, series,
    { say: (v, at) => `${part(v)}: ${count(series.counts?.[at])} of ${count(series[of]?.[at])}` }));
  return { key: name, title, about, rows, high: least === 1 ? 1 : top(rows, least), scale: part };
};

// Requests that a primary answered in another's place, and those that none was asked to answer.
function lost(past, colourOf) {
  const some = (series) => series.values.some((n) => n > 0);
  const rows = ["rescued", "rejected"].flatMap((name) => past.named(name).filter(some).map((series) => row(past, colourOf,
    series, { label: series.version ?? "all", role: name === "rescued" ? "rescued" : "turned away",
      values: perSecond(past)(series), say: (rate, at) => `${figure(rate)}/s (${count(series.values[at])})` })));
  return { key: "lost", title: "Rescued or turned away", about: "per second", rows, high: top(rows, 0.1), scale: (v) => `${figure(v)}/s` };
}

const IN_UNIT = { seconds, fraction: part, percent: (v) => `${percents(v)} %` };
const LOW = -1;
const HIGH = 1.2;

// One plot for each line of the scorecard, towards its threshold, which is 1 whatever the limit is.
function evidence(past, colourOf, titles) {
  const lines = new Map();
  for (const series of past.named("evidence")) {
    if (!lines.has(series.line)) lines.set(series.line, []);
    lines.get(series.line).push(series);
  }
  return [...lines].map(([key, list]) => {
    const unit = (text) => IN_UNIT[text] ?? figure;
    const rows = list.map((series) => {
      const value = past.named("value").find((each) => each.line === series.line && each.version === series.version);
      const of = (at) => (value?.values[at] === null || value === undefined ? "no value"
        : `value ${infinite(value.values[at]) ?? unit(value.unit)(number(value.values[at]))}`);
      return row(past, colourOf, series, { say: (v, at) => `${figure(v, 2)} of 1, ${of(at)}, n ${count(value?.n?.[at] ?? 0)}` });
    });
    const { metric, bound, limit } = list[0];
    const all = rows.flatMap((each) => each.values.map(number));
    const low = Math.max(LOW, Math.min(0, ...all.filter((v) => v !== null && !Number.isNaN(v))));
    const value = past.named("value").find((each) => each.line === key);
    const shown = limit === null ? "not known" : infinite(limit) ?? unit(bound.endsWith("_ratio") ? "" : value?.unit)(number(limit));
    return { key: `evidence ${key}`, title: `Evidence: ${titles.get(metric) ?? words(metric)}`,
      about: `${words(bound)} ${shown}; acts\u00a0at\u00a01`, rows, low, high: HIGH, limit: 1, scale: (v) => figure(v, 2), evidence: true };
  });
}

function drift(past, colourOf) {
  const most = (series) => Math.max(...series.values.filter((v) => v !== null).map(number), 0);
  const all = past.named("drift").sort((a, b) => b.drifted - a.drifted || most(b) - most(a));
  const rows = all.slice(0, MOST_FEATURES).map((series, nth) => row(past, colourOf, series,
    { dash: KINDS[nth], label: series.feature, role: `${series.version} ${series.role}, ${series.side}${series.drifted ? ", drifted" : ""}`,
      say: (v) => `PSI ${figure(v, 2)}` }));
  const limit = past.named("value").find((each) => each.bound === "max_psi");
  const level = limit ? number(limit.limit) : null;
  return { key: "drift", title: "Drift", about: `PSI from the reference${all.length > MOST_FEATURES ?
    `; the ${MOST_FEATURES} furthest of ${all.length}` : ""}${level === null ? "" : `; limit ${figure(level)}`}`,
  rows, high: top(rows, Math.max(0.1, 1.2 * (level ?? 0))), limit: level, scale: (v) => figure(v, 2) };
}

const MAKERS = [traffic, split, outcomes, latency, ratios("coverage", "Coverage", "of copies that were due", "due", 1),
  ratios("disagreement", "Disagreement", "of compared answers", "pairs", 0.01),
  ratios("invalid", "Invalid answers", "of analysed answers", "analysed", 0.01), lost, evidence, drift];

const known = (value) => value !== null && value !== undefined;

// {panels, without}: the plots, and the names of what there is nothing of. `titles`: of metrics.
export function panels(document, colourOf, titles = new Map()) {
  const past = new Past(document);
  const made = MAKERS.flatMap((make) => make(past, colourOf, titles)).map((panel) => ({ low: 0, limit: null, ...panel }));
  const shown = made.filter((panel) => panel.rows.some((each) => each.values.some(known)));
  const without = made.filter((panel) => !shown.includes(panel) && panel.key !== "lost" && panel.key !== "invalid").map((panel) => panel.title.toLowerCase());
  if (!made.some((panel) => panel.evidence)) without.push("evidence");
  return { panels: shown, without, observed: past.observed };
}
