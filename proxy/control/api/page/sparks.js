// The last hour of all routes, small: live requests, and those of them that failed, for the tiles of the first view.

import { clock, count, figure, h, number, part, seconds, svg } from "./dom.js";
import { Followed, OF_ALL } from "./past.js";
import { above, line } from "./plot.js";
import { time } from "./span.js";

const RARE = 0.1; // of the height: the least that is seen of failures
const HOUR = 3600; // seconds
const ENOUGH = 10; // seconds of a step under way that make a rate
const OFTEN = 15; // seconds: a step is a minute
const LIVE = ["primary", "canary", "baseline"];
const SERIES = "observed,requests,inferences,outcome.failed,latency.p99";

const added = (lists, n) => Array.from({ length: n }, (_, at) => lists.reduce((sum, values) =>
  (values[at] === null ? sum : (sum ?? 0) + values[at]), null));

// {requests, of, failed, worst}: of each step, all live versions together; null where nobody looked.
export function summed({ series }, n) {
  const live = series.filter((each) => LIVE.includes(each.role));
  const of = (name, list = "values") => added(live.filter((each) => each.name === name).map((each) => each[list]), n);
  const worst = Array.from({ length: n }, (_, at) => Math.max(...live.filter((each) => each.name === "latency.p99")
    .map((each) => number(each.values[at])).filter((value) => value !== null)));
  const observed = series.find((each) => each.name === "observed")?.values ?? [];
  return { observed, requests: of("requests"), of: of("inferences"), failed: of("outcome.failed", "counts"), worst };
}

// Since when there have been none, at least: from the end of the last step that had some.
function silence(sums, step, last, document) {
  const had = sums.requests.findLastIndex((requests, at) => at <= last && requests > 0);
  const passed = document.until - (document.from + (had + 1) * step);
  return had < 0 ? "no requests in the last hour" : `no requests for ${seconds(Math.max(Math.floor(passed), 1))}`;
}

// The step under way in words, once it says something, else the last one that is whole: a rate must not stand after
// traffic has stopped.
function told(sums, step, whole, document) {
  const last = step * (sums.observed[whole + 1] ?? 0) >= ENOUGH || !sums.observed[whole] && sums.observed[whole + 1] ? whole + 1 : whole;
  const requests = sums.requests[last];
  if (!sums.observed[last]) return "not observed";
  if (!requests) return silence(sums, step, last, document);
  const of = sums.of[last];
  const worst = Number.isFinite(sums.worst[last]) ? ` · p99 ${seconds(sums.worst[last])}` : "";
  const failed = of ? ` · ${part(sums.failed[last] / of)} failed` : " · no inference";
  return `${figure(requests / (step * sums.observed[last]))}/s${failed}${worst}`;
}

// `old`: whether nobody answers any more; then the figures are of a moment that is said.
export function spark(route, document, old = false) {
  const { n } = document.times;
  const sums = summed(route, n);
  const whole = Math.floor((document.until - document.from) / document.step);
  const last = Math.min(Math.max(whole - 1, 0), n - 1);
  const words = `${told(sums, document.step, last, document)}${old ? ` · as of ${time(document.until)}` : ""}`;
  const even = sums.requests.map((value, at) => (value === null ? null : value / (sums.observed[at] || 1)));
  const high = above(Math.max(1, ...even.filter((value) => value !== null)));
  const all = sums.requests.reduce((sum, each) => sum + (each ?? 0), 0);
  const bad = sums.failed.reduce((sum, each) => sum + (each ?? 0), 0);
  const label = `The last hour: ${count(all)} requests, ${count(bad)} of them failed`;
  const failing = sums.failed.map((each) => (each ? Math.max(each, RARE * high) : null));
  return [svg("svg", { class: "lines-of-time spark", viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img",
    "aria-label": label }, svg("path", { class: "drawn plain", d: line(even, 0, high) }),
  bad ? svg("path", { class: "drawn failing", d: line(failing, 0, high) }) : null), h("small", { title: label }, words)];
}

// Looks again and again while it is open and seen. `draw` gets each route's parts: (route, [elements]).
export class Sparks {
  constructor(draw) {
    this.draw = draw;
    this.followed = new Followed(OF_ALL, { series: SERIES });
    this.look();
  }

  async look() {
    if (this.closed) return;
    if (!document.hidden) { // without a beginning at first: the feed has not told the time yet
      const { document: told, status } = await this.followed.look(this.followed.known ? clock() - HOUR : null);
      if (this.closed || status === 404) return;
      const shown = told ?? this.followed.known;
      for (const route of shown?.routes ?? []) this.draw(route.route, spark(route, shown, !told));
    }
    this.timer = setTimeout(() => this.look(), 1000 * OFTEN);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
