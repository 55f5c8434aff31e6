// The sections of a route, each made of one document of the API. Every figure comes with n; what is not known says so.

import { bar, distribution, meter, verdict } from "./charts.js";
import { NONE, badge, codeName, count, figure, h, name, none, number, part, percents, seconds } from "./dom.js";

// -- versions side by side

const LIVE = ["primary", "canary", "baseline"];
const ORDER = ["primary", "canary", "baseline", "shadow", "rescue", "noise"];

// The role of a version that has a part of the live traffic.
export const liveRole = (route, version) => (version === route.primary ? "primary"
  : version === route.baseline?.version ? "baseline" : "canary");

// Arms that have traffic, and those that should have.
function armsOf(route, traffic) {
  const arms = (traffic?.arms ?? []).map((arm) => ({ ...arm }));
  const want = (version, role, percent) => {
    let arm = arms.find((known) => known.version === version && known.role === role);
    if (!arm) arms.push((arm = { version, role, legs: 0, n: 0, bad: 0, bad_ratio: null, outcomes: {}, recent: {}, invalid: {}, codes: {}, inflight: 0 }));
    arm.percent = percent;
  };
  for (const [version, percent] of Object.entries(route.split)) {
    want(version, liveRole(route, version), percent);
  }
  for (const [version, percent] of Object.entries(route.shadows)) want(version, "shadow", percent);
  return arms.sort((a, b) => ORDER.indexOf(a.role) - ORDER.indexOf(b.role));
}

const lines = (...told) => h("span", { class: "lines" }, ...told.filter(Boolean).map((line) => h("small", {}, line)));

const worst = (arms, field) => Math.max(...arms.map((arm) => arm.total?.[field] ?? 0), 1e-12);

function latency(arm, field, arms) {
  const value = arm.total?.[field] ?? null;
  if (value === null) return [none("no data")];
  return [h("b", {}, seconds(value)), bar(value / worst(arms, field), "time")];
}

function errors(arm, arms) {
  if (!arm.n) return [none("no data")];
  const most = Math.max(...arms.map((each) => each.bad_ratio ?? 0), 0.01);
  return [h("b", {}, part(arm.bad_ratio)), bar(arm.bad_ratio / most, "fail"),
    lines(`${count(arm.bad)} of ${count(arm.n)}`)];
}

// All legs by outcome; the six sum to the legs.
const outcomes = (arm) => (arm.legs
  ? [lines(...reasons(arm.outcomes, (n) => n > 0).map((told) => told.replaceAll("_", " ")), `of ${count(arm.legs)}`)]
  : [none("no data")]);

// Answers of a successful status whose body says that they failed, and why.
function invalid(arm) {
  if (!arm.analysed) return [none("no data")];
  const bad = sum(arm.invalid);
  return [h("b", {}, part(bad / arm.analysed)), bar(bad / arm.analysed, "fail"),
    lines(`${count(bad)} of ${count(arm.analysed)} analysed`, ...reasons(arm.invalid).map((told) => told.replaceAll("_", " ")))];
}

const sum = (counts) => Object.values(counts).reduce((all, n) => all + n, 0);

function lastMinute(arm, arms) {
  const live = arms.filter((each) => LIVE.includes(each.role));
  const all = live.reduce((legs, each) => legs + sum(each.recent), 0);
  const n = sum(arm.recent);
  if (!live.includes(arm)) return [n ? h("b", {}, count(n)) : none("no data")];
  return all ? [h("b", {}, part(n / all)), lines(`${count(n)} of ${count(all)}`)] : [none("no data")];
}

// What all sidecars together had of an arm: its part of their live traffic, failures, and the latency.
function together(arm, { arms }) {
  const own = arms.find((each) => each.version === arm.version && each.role === arm.role);
  const n = own ? sum(own.recent) : 0;
  if (!n) return [none("no data")];
  const all = arms.filter((each) => LIVE.includes(each.role)).reduce((legs, each) => legs + sum(each.recent), 0);
  return [h("b", {}, LIVE.includes(arm.role) ? part(n / all) : count(n)), lines(`${count(n)} of ${count(all)}`,
    `${count(own.recent.failed)} failed`, own.total.p99 === null ? "" : `p99 ${seconds(own.total.p99)}`)];
}

const reasons = (counts, shown = () => true) => Object.entries(counts).filter(([, n]) => shown(n))
  .map(([reason, n]) => `${codeName(reason)} ${count(n)}`);

function lost(arm, traffic) {
  if (arm.role === "shadow") {
    const shadow = traffic?.shadows.find((each) => each.version === arm.version);
    if (!shadow || shadow.coverage === null) return [none("no data")];
    return [h("b", {}, part(1 - shadow.coverage)), lines(`of ${count(shadow.owed)} copies`, ...reasons(shadow.dropped))];
  }
  const rescued = (traffic?.rescued ?? []).filter((each) => each.version === arm.version && (arm.role === "canary" || arm.role === "baseline"));
  const all = rescued.reduce((sum, each) => sum + each.count, 0);
  if (!arm.legs) return [none("no data")];
  return all ? [h("b", {}, `${count(all)} rescued`), lines(...rescued.map((r) => `${codeName(r.reason)} ${count(r.count)}`))] : ["none"];
}

// What the answers of a version say of who gave them; several: of replicas, or of models that clients ask for.
function models(arm, route) {
  const own = (route.identities ?? []).filter((each) => each.version === arm.version);
  return own.length ? [lines(...new Set(own.map((each) => each.identity)))] : [none("not told")];
}

// The addresses of a version by state; each of them is named where one of several does not serve.
function endpoints(arm, traffic) {
  const own = (traffic?.endpoints ?? []).filter((each) => each.version === arm.version);
  const states = {};
  for (const each of own) states[each.state] = (states[each.state] ?? 0) + 1;
  const off = own.filter((each) => each.state !== "serving").slice(0, 8);
  return own.length ? [lines(...reasons(states), ...off.map((each) => `${each.address} ${each.state}`))] : [none("not told")];
}

export function versions(route, traffic, colourOf) {
  const arms = armsOf(route, traffic);
  const decided = (arm) => (arm.percent === undefined ? ["–"]
    : [h("b", {}, `${percents(arm.percent)} %`), lines(arm.role === "shadow" ? "of requests copied" : "")]);
  const rows = [
    ["Share decided", decided],
    ["Last minute", (arm) => lastMinute(arm, arms)],
    ...(traffic?.fleet ? [[`All ${count(traffic.fleet.sidecars)} sidecars`, (arm) => together(arm, traffic.fleet)]] : []),
    ...(route.identities?.length ? [["Model", (arm) => models(arm, route)]] : []),
    ["p50", (arm) => latency(arm, "p50", arms)],
    ["p99", (arm) => latency(arm, "p99", arms)],
    ["Failed", (arm) => errors(arm, arms)],
    ["Invalid", invalid],
    ["Outcomes", outcomes],
    ["Answers", (arm) => (arm.legs ? [lines(...reasons(arm.codes))] : [none("no data")])],
    ["Lost or rescued", (arm) => lost(arm, traffic)],
    ...((traffic?.endpoints ?? []).length > arms.length ? [["Endpoints", (arm) => endpoints(arm, traffic)]] : []),
    ["In flight", (arm) => [count(arm.inflight)]],
  ];
  const idle = arms.every((arm) => !arm.legs);
  const shown = idle ? rows.filter(([label]) => ["Share decided", "In flight"].includes(label) || label.startsWith("All ")) : rows;
  const heads = arms.map((arm) => h("th", { scope: "col" }, h("i", { class: `dot ${colourOf(arm.version)}` }),
    name(arm.version), h("span", { class: "role" }, arm.role)));
  const table = h("table", { class: "versions" },
    h("thead", {}, h("tr", {}, h("td", {}), ...heads)),
    h("tbody", {}, ...shown.map(([label, cell]) => h("tr", {}, h("th", { scope: "row" }, label),
      ...arms.map((arm) => h("td", {}, ...cell(arm)))))));
  return [table, h("p", { class: "note" }, idle && traffic ? "No request yet since control started: no data on latencies, failures and answers."
    : told(traffic))];
}

function told(traffic) {
  if (!traffic) return "Waiting for figures.";
  const rejected = reasons(traffic.rejected);
  const { overhead } = traffic;
  return [traffic.fleet ? `Of this sidecar alone, but for the row of all ${count(traffic.fleet.sidecars)}: their last ${
    seconds(Math.round(traffic.fleet.window))}, inferences.` : "",
  "Latencies: the last minute. Counts: since control started.",
    overhead.n ? `The proxy adds ${seconds(overhead.p50)} (p50), ${seconds(overhead.p99)} (p99).` : "",
    rejected.length ? `Turned away: ${rejected.join(", ")}.` : ""].filter(Boolean).join(" ");
}

// -- scorecard

const BOUNDS = { max: "at most", max_ratio: "at most × primary", max_increase: "at most + primary", max_psi: "PSI at most", min: "at least",
  max_drop: "drop at most", min_gain: "gain above" };

const IN_UNIT = { seconds: (value) => seconds(number(value)),
  fraction: (value) => (Number.isFinite(number(value)) ? part(number(value)) : figure(value)) };

function unit(line, value) {
  if (value === null || value === undefined) return NONE;
  if (line.bound === "max_ratio") return `${figure(value)} ×`;
  return (IN_UNIT[line.unit] ?? figure)(value);
}

// How far the evidence of a breach is on its way to where it acts: ln(1/false_alarm).
function evidence(line, falseAlarm) {
  const acts = Math.log(1 / falseAlarm);
  const have = number(line.evidence);
  if (Number.isNaN(have) || !line.n) return h("p", { class: "evidence" }, h("span", {}, "Evidence of a breach"), NONE);
  return h("p", { class: "evidence", title: `acts at ln(1/${falseAlarm})` }, h("span", {}, "Evidence of a breach"),
    bar(have / acts, "fail"), h("span", {}, `${figure(have, 2)} of ${figure(acts, 2)}`));
}

function line(each, falseAlarm) {
  const value = each.value !== null && Number.isFinite(number(each.value)) ? unit(each, each.value) : each.says;
  const facts = [["value", value], [BOUNDS[each.bound] ?? each.bound, unit(each, each.limit)],
    ["n", count(each.n)], ["lost", count(each.lost)]];
  if (["max_ratio", "max_increase"].includes(each.bound) && each.reference !== null) {
    facts.splice(2, 0, ["primary", unit({ ...each, bound: "" }, each.reference)]);
  }
  if (each.needed !== null) facts.push(["still needed", `about ${count(each.needed)}`]);
  return h("li", { class: `line ${each.verdict}`, "data-metric": each.metric },
    h("header", {}, h("b", {}, each.title), name(each.version), verdict(each.verdict)),
    meter(each),
    h("dl", {}, ...facts.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value)))),
    each.bound === "min_gain" ? "" : evidence(each, falseAlarm),
    h("p", { class: "sentence" }, each.sentence));
}

export function scorecard(document) {
  if (!document.candidates.length) {
    const before = document.at_rollback.map((each) => line(each, document.false_alarm_at_rollback ?? document.false_alarm));
    return [none("Nothing is under judgement: all live traffic goes to the primary."),
      ...before.length ? [h("p", { class: "about" }, "When it was rolled back:"), h("ul", { class: "cards" }, ...before)] : []];
  }
  const acts = { rollback: "rolls back", pause: "pauses", notify: "notifies" }[document.on_breach] ?? document.on_breach;
  return [
    h("p", { class: "about" }, `A breach ${acts}; a healthy candidate is ever taken for a breach with probability at most ` +
      `${figure(document.false_alarm)}.`),
    h("ul", { class: "cards" }, ...document.metrics.map((each) => line(each, document.false_alarm))),
  ];
}

// -- drift

const KINDS = { world: "the world changed", model: "the model changed", both: "both changed", steady: "steady",
  unknown: "not known yet" };
const KIND_TONES = { world: "open", model: "bad", both: "bad", steady: "good" };

const MODERATE = 0.1; // PSI from which a shift is commonly called moderate

// A large PSI of few rows is neither drift nor its absence.
function standing(row) {
  if (row.drifted) return badge("drifted", "bad");
  return number(row.psi) > MODERATE ? badge("not significant", "open") : badge("steady", "good");
}

function feature(row, colourOf) {
  const shape = row.distribution;
  return h("li", { class: `line ${row.drifted ? "fail" : ""}`, "data-feature": row.feature },
    h("header", {}, name(row.feature), standing(row)),
    shape ? distribution(shape, colourOf(row.version), row.feature) : bar(Math.min(number(row.psi), 1)),
    h("p", { class: "evidence" }, h("span", {}, h("i", { class: `dot ${colourOf(row.version)}` }), name(row.version),
      h("span", { class: "role" }, `${row.role}, ${row.side}`))),
    h("dl", {}, ...[["PSI", figure(row.psi, 2)], ["evidence (ln)", figure(row.evidence, 2)], ["n", count(row.n)],
      ...(row.detected === null ? [] : [["cuts by ADWIN", count(row.detected)]])]
      .map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value)))));
}

// What is surest comes first: an infinite evidence before any other, an unknown one last.
const certain = (row) => (Number.isNaN(number(row.evidence)) ? -Infinity : Math.min(number(row.evidence), Number.MAX_VALUE));

export function drift(document, colourOf) {
  const { features, findings } = document;
  const said = findings.map((found) => h("p", { class: "finding" }, badge(KINDS[found.kind] ?? found.kind,
    KIND_TONES[found.kind] ?? ""), " ", findings.length > 1 ? `${found.version}: ` : "", found.sentence));
  if (document.proposed.length) {
    said.push(h("p", { class: "finding" }, badge("to ignore", "open"), ` drift for ever, by what they are: `,
      h("code", {}, `analysis: {ignore: [${document.proposed.map((each) => each.ignore).join(", ")}]}`)));
  }
  if (!features.length) {
    return [...said, none("No data: there is no reference profile yet, or bodies of this route are not read.")];
  }
  const shown = features.filter((row) => row.distribution)
    .sort((a, b) => certain(b) - certain(a) || number(b.psi) - number(a.psi));
  const others = document.measured - shown.length;
  return [...said,
    h("p", { class: "about" }, h("span", { class: "key" }, h("i", { class: "dot pale" }), "reference"),
      h("span", { class: "key" }, h("i", { class: "dot" }), "live, in the version's colour"), `${features.filter((row) => row.drifted).length} of ${document.measured} drifted` +
      (others > 0 ? `; the ${shown.length} furthest off are shown.` : ".")),
    h("ul", { class: "cards small" }, ...shown.map((row) => feature(row, colourOf)))];
}

// -- disagreements

const SHOWN = 5;

const said = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function sides(detail) {
  const { primary, candidate, request } = detail;
  if (typeof primary !== "object" || typeof candidate !== "object" || !primary || !candidate) {
    return h("div", { class: "texts" }, ...[["request", request], ["primary", primary], ["candidate", candidate]]
      .map(([label, value]) => h("div", {}, h("h4", {}, label), h("pre", {}, value === undefined ? "no data" : said(value)))));
  }
  const keys = [...new Set([...Object.keys(primary), ...Object.keys(candidate)])];
  const rows = keys.map((key) => {
    const differs = said(primary[key]) !== said(candidate[key]);
    return h("tr", { class: differs ? "differs" : null }, h("th", { scope: "row" }, key),
      ...[primary[key], candidate[key]].map((value) => h("td", {}, value === undefined ? "–" : said(value))));
  });
  const asked = typeof request === "object" && request
    ? Object.entries(request).map(([key, value]) => h("span", {}, h("b", {}, key), ` ${said(value)}`))
    : [h("span", {}, request === undefined ? "no data" : said(request))];
  return h("div", { class: "scroll" },
    h("table", { class: "compare" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "answer"),
      h("th", { scope: "col" }, "primary"), h("th", { scope: "col" }, "candidate"))), h("tbody", {}, ...rows)),
    h("h4", {}, "asked"), h("p", { class: "asked" }, ...asked));
}

function example(each, at, isOpen) {
  const key = `${each.version} ${each.request_id}`;
  return h("details", { "data-key": key, open: isOpen(key, at === 0) },
    h("summary", {}, badge(each.kind.replaceAll("_", " "), "bad"), h("code", {}, each.request_id || "no id"),
      each.shift === null ? "" : h("span", {}, `shift ${figure(each.shift)}`),
      each.truncated ? badge("cut", "open") : ""),
    each.comparer ? h("p", { class: "comparer" }, each.row ? `row ${count(each.row)}: ${each.comparer}` : each.comparer) : "",
    sides(each.detail));
}

export function disagreements(document, colourOf, isOpen) {
  if (!document.versions.length) return [none("No data: no copy was compared with the primary's answer yet.")];
  return document.versions.flatMap((each) => [
    h("p", { class: "finding" }, h("i", { class: `dot ${colourOf(each.version)}` }), name(each.version),
      " differs in ", h("b", {}, part(each.ratio)), ` of ${count(each.pairs)} compared answers`,
      ...Object.entries(each.kinds).map(([kind, n]) => h("span", { class: "chip" },
        `${kind.replaceAll("_", " ")} ${count(n)}`))),
    ...each.examples.slice(0, SHOWN).map((one, at) => example(one, at, isOpen)),
    each.kept > SHOWN ? h("p", { class: "about" }, `The worst ${Math.min(SHOWN, each.examples.length)} of ${each.kept} are shown.`) : "",
  ]);
}
