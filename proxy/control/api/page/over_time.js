// The section of a route that shows what was: plots on one axis of time, each change of the audit marked, and a cursor
// that reads all of them. What is looked at stands in the address; without a range the clock is followed.

import { colourOf } from "./colours.js";
import { keys, pointing } from "./cursor.js";
import { badge, clock, count, h, name, none, when } from "./dom.js";
import { newest } from "./held.js";
import { panels } from "./panels.js";
import { Followed, ofRoute, past } from "./past.js";
import { plot, runs } from "./plot.js";
import { section } from "./route.js";
import { put, read } from "./router.js";
import { between, length, PRESETS, shifted, SHORTEST, span, ticks, time, zoomed } from "./span.js";

const OFTEN = 5; // seconds between two looks at least, half a step where that is more
const REFUSED = 15; // seconds between two looks where there is none, or none may be seen
const FIRST = 1; // seconds between two looks as long as there is nothing to see
const MOST_MARKS = 30;
const LAST_TICK = 0.94; // of the width: the name of a later one would be cut

const BAD = ["rollback", "breach"];
const tone = (change) => (BAD.includes(change.kind) ? "bad" : change.kind === "promote" ? "good" : "");

const button = (text, label, act) => {
  const made = h("button", { type: "button", class: "quiet", title: label, "aria-label": label }, text);
  made.addEventListener("click", act);
  return made;
};

class OverTime {
  constructor(route) {
    Object.assign(this, { route, document: null, over: null, made: [], timer: 0, asked: null });
    this.presets = PRESETS.map(([seconds, text]) => [seconds, button(text, `${text}: the last ${length(seconds)}, followed`, () =>
      put({ last: seconds, from: null, to: null }, true))]);
    this.told = h("p", { class: "about range" });
    this.ticks = h("div", { class: "ticks", "aria-hidden": "true" });
    this.axis = h("div", { class: "axis", role: "slider", tabindex: 0, "aria-label": "Cursor in time", "aria-valuemin": 0,
      "aria-valuemax": 0, "aria-valuenow": 0, "aria-valuetext": "no data yet" }, this.ticks);
    this.said = h("p", { class: "said" }, none("waiting for figures"));
    this.plots = h("div", { class: "plots" });
    this.marks = h("div", { class: "marks" });
    this.rows = h("tbody", {});
    this.table = h("details", { class: "values" }, h("summary", {}, "All values at the cursor, as a table"),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Values at the cursor" }, h("table", {}, h("thead", {},
        h("tr", {}, ...["plot", "of", "as", "value"].map((each) => h("th", { scope: "col" }, each)))), this.rows)));
    this.table.addEventListener("toggle", () => this.fillTable());
    this.element = h("div", { class: "over-time" }, this.toolbar(), this.told, h("div", { class: "strip" }, this.said, this.axis),
      this.plots, this.marks, this.table);
    this.wire();
    this.moved();
  }

  toolbar() {
    const range = (make) => () => this.range(make(span(read(location.hash).query, clock()), clock()), true);
    return h("div", { class: "ranges", role: "group", "aria-label": "Range of time" },
      ...this.presets.map(([, made]) => made),
      button("◂", "Earlier", range((shown, now) => shifted(shown, -0.5, now))),
      button("▸", "Later", range((shown, now) => shifted(shown, 0.5, now))),
      button("+", "Shorter, around the cursor", () => this.zoom(0.5)), button("−", "Longer", () => this.zoom(2)));
  }

  wire() {
    const plotOf = (target) => (this.document ? target.closest?.(".plot, .axis") : null);
    const shown = (act) => (...given) => this.document && act(...given);
    pointing(this.element, plotOf, {
      over: (part) => this.hover(part), press: (part) => this.press(part), drag: (from, to) => this.selecting(from, to),
      range: (from, to) => this.range({ from: this.momentOf(from), to: this.momentOf(to) }),
    });
    keys(this.axis, {
      move: shown((steps) => this.pin(Math.min(Math.max(this.cursor() + steps, 0), this.last()))),
      change: shown((direction) => this.toChange(direction)), zoom: (factor) => this.zoom(factor),
      clear: () => put({ at: null }, true),
    });
  }

  // -- what is looked at

  zoom(factor) {
    const shown = span(read(location.hash).query, clock());
    this.range(zoomed(shown, factor, shown.at, clock()), true);
  }

  // One that ends now is followed where nobody has pointed at its ends.
  range({ from, to }, follow = false) {
    const wide = Math.max(Math.round(to - from), SHORTEST);
    if (follow && to > clock() - 1) put({ from: null, to: null, last: wide }, true);
    else put({ from: Math.round(to) - wide, to: Math.round(to), last: null }, true);
  }

  moved() {
    const query = read(location.hash).query;
    const at = query.get("at");
    query.delete("at");
    this.at = at;
    const asked = `${query}`;
    if (asked !== this.asked) this.followed = new Followed(ofRoute(this.route));
    if (asked !== this.asked && this.changed) this.refresh(); // not before the route is known: the feed tells the time, too
    else this.point();
    this.asked = asked;
    const { last } = span(query, clock());
    for (const [seconds, made] of this.presets) made.setAttribute("aria-pressed", seconds === last);
  }

  // A change of the route is seen at once; what else its document says changes with each request.
  take({ path, document: route }) {
    if (path !== `/v1/routes/${this.route}` || !route) return;
    const changed = JSON.stringify([route.phase, route.since, route.split, route.shadows]);
    const news = changed !== this.changed;
    this.changed = changed;
    if (news && (this.shown?.live ?? true)) this.refresh();
  }

  close() {
    clearTimeout(this.timer);
    this.closed = true;
    this.aborting?.abort();
  }

  async refresh() {
    clearTimeout(this.timer);
    this.aborting?.abort();
    this.aborting = new AbortController();
    const { signal } = this.aborting;
    this.shown = span(read(location.hash).query, clock());
    const { from, to, live } = this.shown;
    const told = live ? await this.followed.look(from, signal)
      : await past(ofRoute(this.route), { from: Math.floor(from), to: Math.ceil(to) }, signal);
    if (signal.aborted || this.closed) return;
    if (told.document) this.draw(told.document);
    else this.refused(told.why);
    if (told.status === 404) return;
    const wait = told.why ? REFUSED : this.made.length ? Math.max(OFTEN, told.document.step / 2) : FIRST;
    if (live || to > clock() - wait) this.timer = setTimeout(() => this.again(), 1000 * wait);
  }

  refused(why) {
    this.told.replaceChildren(why);
    if (!this.document) this.said.replaceChildren();
  }

  // A page in the background draws nothing: it looks again when it is seen.
  again() {
    if (!document.hidden) return this.refresh();
    document.addEventListener("visibilitychange", () => this.closed || this.refresh(), { once: true });
  }

  // -- drawing

  draw(told) {
    this.document = told;
    const titles = new Map((newest(`/v1/routes/${this.route}/scorecard`)?.metrics ?? []).map((each) => [each.metric, each.title]));
    const { panels: made, without, observed } = panels(told, colourOf, titles);
    Object.assign(this, { made, observed });
    const n = told.times.n;
    const ended = Math.max(0, Math.floor((told.until - told.from) / told.step));
    const beside = { gaps: runs(n, (at) => at < ended && !observed[at]),
      marks: told.changes.map((change) => [this.partOf(change.at), tone(change)]) };
    this.plots.replaceChildren(...made.map((panel) => this.figure(panel, beside)),
      ...(without.length ? [none(`Nothing in this range of: ${without.join(", ")}.`)] : []));
    this.axis.setAttribute("aria-valuemax", n - 1);
    this.ticks.replaceChildren(...ticks(told.from, told.to).filter(([at]) => this.partOf(at) < LAST_TICK).map(([at, text]) => this.placed(h("span", { class: "tick" }, text), at)),
      ...told.changes.map((change) => this.placed(h("i", { class: `flag ${tone(change)}` }), change.at)), h("i", { class: "cursor" }));
    const now = clock();
    this.told.replaceChildren(`${between(told.from, Math.min(told.to, now), now)}, in steps of ${length(told.step)}`,
      this.shown.live ? ", followed" : "", newest("/v1/fleet") ? " · of this sidecar alone" : "",
      beside.gaps.length ? " · grey: not observed" : "");
    this.drawMarks(told.changes);
    this.point();
  }

  placed(element, at) {
    element.style.left = `${100 * this.partOf(at)}%`;
    return element;
  }

  figure(panel, beside) {
    const label = `${panel.title}, ${panel.about}. ${panel.rows.filter((row) => !row.unsaid).map((row) =>
      `${row.label} ${row.role}: ${row.read(this.last())}`).join("; ")}`;
    const readings = panel.rows.filter((row) => !row.unsaid).map((row) => {
      row.reading = h("b", {});
      return h("li", {}, h("i", { class: `swatch ${row.colour} ${panel.stack ? "" : row.dash}` }), name(row.label),
        h("span", { class: "role" }, row.role), " ", row.reading);
    });
    return h("figure", { class: "over", "data-panel": panel.key },
      h("figcaption", {}, h("b", {}, panel.title), h("small", {}, ` ${panel.about}`), h("ul", { class: "readings" }, ...readings)),
      h("div", { class: "plot" }, plot({ ...panel, label }, beside), h("span", { class: "top-of-scale", "aria-hidden": "true" },
        panel.scale(panel.high)), h("i", { class: "cursor" }), h("i", { class: "selected" })));
  }

  drawMarks(changes) {
    const told = changes.map((change) => change.audit).join();
    if (told === this.marked) return; // who stands on one of them stays there
    this.marked = told;
    const shown = changes.slice(-MOST_MARKS).reverse();
    const rows = shown.map((change) => h("li", {}, button([time(change.at)], `${time(change.at)}: cursor to this change`, () => this.pinAt(change.at)),
      badge(change.action.replaceAll("_", " "), tone(change)), h("span", {}, "by ", h("b", {}, change.who)), when(change.at),
      change.reason ? h("span", { class: "why" }, change.reason) : ""));
    const more = changes.length - shown.length;
    this.marks.replaceChildren(h("h4", {}, `Changes in this range: ${changes.length || "none"}`),
      h("ol", {}, ...rows), ...(more > 0 ? [none(`and ${count(more)} before`)] : []));
  }

  // -- the cursor: the pointer's place, else the one of the address, else the last step that is whole

  partOf(at) {
    return Math.min(Math.max((at - this.document.from) / (this.document.to - this.document.from), 0), 1);
  }

  momentOf(part) {
    return this.document.from + part * (this.document.to - this.document.from);
  }

  placeOf(part) {
    return Math.min(Math.floor(part * this.document.times.n), this.document.times.n - 1);
  }

  last() {
    const { from, until, step, times } = this.document;
    const whole = Math.min(Math.max(Math.floor((until - from) / step) - 1, 0), times.n - 1);
    return !this.observed[whole] && this.observed[whole + 1] ? whole + 1 : whole; // the first step of all is under way
  }

  pinned() {
    const { at } = span(new URLSearchParams({ at: this.at ?? "" }), clock());
    const inside = at !== null && at >= this.document.from && at < this.document.to;
    return inside ? Math.floor((at - this.document.from) / this.document.step) : null;
  }

  cursor() {
    return this.over ?? this.pinned() ?? this.last();
  }

  hover(part) {
    if (!this.document || (part === null && this.over === null)) return;
    this.over = part === null ? null : this.placeOf(part);
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.point();
    });
  }

  pin(place) {
    this.pinAt(this.document.from + place * this.document.step);
  }

  // From there on by keys.
  press(part) {
    this.pin(this.placeOf(part));
    this.axis.focus({ preventScroll: true });
  }

  pinAt(at) {
    this.over = null;
    this.at = Math.floor(at);
    put({ at: this.at });
    this.point();
  }

  toChange(direction) {
    const here = this.cursor();
    const places = this.document.changes.map((change) => [this.placeOf(this.partOf(change.at)), change.at]);
    const next = direction < 0 ? places.filter(([place]) => place < here).at(-1) : places.find(([place]) => place > here);
    if (next) this.pinAt(next[1]);
  }

  selecting(from, to) {
    this.element.classList.toggle("dragged", to !== null);
    if (to === null) return;
    this.element.style.setProperty("--from", `${100 * Math.min(from, to)}%`);
    this.element.style.setProperty("--wide", `${100 * Math.abs(to - from)}%`);
  }

  // Says what is at the cursor: one step of every plot, and the changes in it.
  point() {
    if (!this.document || this.closed) return;
    const at = this.cursor();
    const { from, step, times, changes } = this.document;
    const begins = from + at * step;
    this.element.style.setProperty("--at", `${(100 * (at + 0.5)) / times.n}%`);
    this.element.classList.toggle("pointed", this.over !== null || this.pinned() !== null);
    for (const row of this.made.flatMap((panel) => panel.rows)) {
      if (row.reading) row.reading.textContent = row.read(at);
    }
    const here = changes.filter((change) => change.at >= begins && change.at < begins + step);
    const told = here.map((change) => `${change.action.replaceAll("_", " ")} by ${change.who}${change.reason ? `: ${change.reason}` : ""}`);
    this.said.replaceChildren(h("b", {}, time(begins)), ` for ${length(step)}, `, when(begins), told.length ? ` · ${told.join(" · ")}` : "");
    this.axis.setAttribute("aria-valuenow", at);
    this.axis.setAttribute("aria-valuetext", [time(begins), ...told, this.headline(at)].join(". "));
    this.fillTable();
  }

  // What a screen reader says of a step: requests, failures, and the evidence that is furthest.
  headline(at) {
    return this.made.filter((panel) => ["traffic", "outcomes"].includes(panel.key) || panel.evidence).map((panel) =>
      `${panel.title}: ${panel.rows.map((row) => `${row.label} ${row.role} ${row.read(at)}`).join(", ")}`).join(". ");
  }

  fillTable() {
    if (!this.table.open || !this.document) return;
    const rows = this.made.flatMap((panel) => panel.rows.filter((row) => !row.unsaid).map((row) => h("tr", {},
      h("th", { scope: "row" }, panel.title), h("td", {}, row.label), h("td", {}, row.role), h("td", {}, row.read(this.cursor())))));
    this.rows.replaceChildren(...rows);
  }
}

section({ name: "over-time", title: "Over time", place: "over-time", make(route) {
  const made = new OverTime(route);
  return { element: made.element, take: (message) => made.take(message), moved: () => made.moved(), close: () => made.close() };
} });
