// One route: what is so now, over time, and what can be done. Each document redraws one section and nothing else.

import { verdict } from "./charts.js";
import { colourOf } from "./colours.js";
import { Controls } from "./controls.js";
import { badge, h, none } from "./dom.js";
import { drifted, newest } from "./held.js";
import { legend, stages, summary, waiting } from "./route_parts.js";
import { link, view } from "./router.js";
import { disagreements, drift, scorecard, versions } from "./sections.js";

export const TONES = { ramping: "busy", shadowing: "busy", paused: "open", promoted: "good", rolled_back: "bad" };

// What other modules add to a route's view: {name, title, make(route) → {element, take?(message), moved?(), close?()}}.
const SECTIONS = [];
export const section = (row) => SECTIONS.push(row);

// What bodies tell is of the requests of one sidecar, in a fleet too.
const alone = () => (newest("/v1/fleet") ? [h("p", { class: "about" }, "Of this sidecar alone.")] : []);

const PARTS = ["traffic", "scorecard", "drift", "disagreements"];

export class Card {
  constructor(route) {
    this.route = route;
    this.controls = new Controls(colourOf);
    this.title = h("h2", { id: "route-title" }, route);
    this.badges = h("span", { class: "badges" });
    this.about = h("p", { class: "about" });
    this.contents = h("nav", { class: "parts", "aria-label": "Parts of this route" });
    this.warnings = h("ul", { class: "warnings", "aria-label": "Warnings" });
    this.who = h("div", { class: "who" });
    this.waits = h("p", { class: "about waits" });
    this.parts = Object.fromEntries(PARTS.map((part) => [part, h("div", { class: part }, none("waiting for figures"))]));
    // The place that scrolls is not redrawn: it keeps focus and position.
    for (const [name, value] of [["tabindex", 0], ["role", "region"], ["aria-label", "Versions side by side"]]) {
      this.parts.traffic.setAttribute(name, value);
    }
    this.parts.traffic.classList.add("scroll");
    this.added = SECTIONS.map((row) => ({ ...row, ...row.make(route) }));
    this.element = h("section", { class: "card", "aria-labelledby": "route-title", "data-route": route },
      h("header", {}, this.title, this.badges), this.about, this.contents, this.warnings, this.who, this.waits,
      ...this.places("first"), ...this.places("over-time"),
      h("div", { class: "pair" },
        h("div", {}, h("h3", {}, "Versions side by side"), this.parts.traffic), this.controls.element),
      h("h3", {}, "Scorecard"), this.parts.scorecard,
      ...this.places(),
      h("h3", {}, "Drift"), this.parts.drift,
      h("h3", {}, "Disagreements"), this.parts.disagreements);
    this.contents.append(...this.ways());
    this.figures = {};
    this.toggled = new Map();
  }

  // The way to each part: the page is long, and what can be done must be near. The address is that of the view.
  ways() {
    const parts = [["Change", this.controls.element],
      ...[...this.element.querySelectorAll("h3")].map((head) => [head.textContent, head])];
    return parts.map(([title, place]) => {
      const go = h("button", { type: "button", class: "quiet" }, title);
      go.addEventListener("click", () => {
        place.tabIndex = -1;
        place.focus({ preventScroll: true });
        place.scrollIntoView();
      });
      return go;
    });
  }

  // The sections of others: those of a place, or those of none.
  places(place) {
    return this.added.filter((row) => row.place === place).flatMap((row) => [h("h3", {}, row.title), row.element]);
  }

  take(message) {
    for (const row of this.added) row.take?.(message);
    const { path, document, etag } = message;
    if (path === "/v1/routes" || document === null || document.route !== this.route) return;
    const part = PARTS.find((name) => path === `/v1/routes/${this.route}/${name}`);
    if (part || path === `/v1/routes/${this.route}`) this.draw(part ?? "route", document, etag);
  }

  moved() {
    for (const row of this.added) row.moved?.();
  }

  close() {
    for (const row of this.added) row.close?.();
  }

  draw(part, document, etag) {
    this.figures[part] = document;
    if (part === "route") this.drawRoute(document, etag);
    const route = this.figures.route;
    if (!route) return;
    if (part === "route" || part === "traffic") {
      this.parts.traffic.replaceChildren(...versions(route, this.figures.traffic, colourOf));
    }
    if (part === "scorecard") this.parts.scorecard.replaceChildren(...scorecard(document));
    if (part === "drift") this.parts.drift.replaceChildren(...alone(), ...drift(document, colourOf));
    if (part === "disagreements") this.drawDisagreements(document);
    this.drawBadges();
  }

  drawRoute(route, etag) {
    for (const version of [route.primary, ...Object.keys(route.split), ...Object.keys(route.shadows)]) colourOf(version);
    this.about.replaceChildren(...summary(route));
    this.warnings.replaceChildren(...route.warnings.map((warning) => h("li", {}, warning)));
    this.who.replaceChildren(...legend(route, colourOf), stages(route));
    this.controls.update(route, etag, newest("/v1/routes")?.versions ?? []);
  }

  drawBadges() {
    const { route, drift: drifts, scorecard: card } = this.figures;
    this.waits.replaceChildren(...waiting(route, card));
    this.badges.replaceChildren(...badges(route, drifts));
  }

  // What was opened or closed by hand outlives a redraw, and so does the focus.
  drawDisagreements(document) {
    const focused = this.parts.disagreements.querySelector("summary:focus")?.parentElement.dataset.key;
    this.parts.disagreements.replaceChildren(...alone(), ...disagreements(document, colourOf, (key, usual) =>
      this.toggled.get(key) ?? usual));
    for (const details of this.parts.disagreements.querySelectorAll("details")) {
      const summary = details.querySelector("summary");
      summary.addEventListener("click", () => this.toggled.set(details.dataset.key, !details.open));
      if (details.dataset.key === focused) summary.focus();
    }
  }
}

const several = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

// Phase, verdict, drift and warnings, in the words of the API.
export function badges(route, drifts) {
  const far = drifted(drifts);
  return [badge(route.phase.replace("_", " "), TONES[route.phase] ?? ""),
    ...(route.candidates.length ? [verdict(route.verdict)] : []),
    ...(far ? [badge(`${several(far, "feature")} drifted`, "bad")] : []),
    ...(route.warnings.length ? [badge(`⚠ ${several(route.warnings.length, "warning")}`, "open")] : [])];
}

// The route by its name, or that it is none.
function one({ route }) {
  const card = new Card(route);
  const gone = h("p", { class: "notice open", role: "status", hidden: true }, `There is no route ${route} now. `,
    h("a", { href: link("") }, "All routes"));
  const back = h("nav", { class: "back", "aria-label": "Where you are" }, h("a", { href: link("") }, "All routes"));
  return { title: route, element: h("div", {}, back, gone, card.element),
    take(message) {
      card.take(message);
      if (message.path !== "/v1/routes" || !message.document) return;
      const names = message.document.routes.map((each) => each.route);
      gone.hidden = names.includes(route);
      card.element.hidden = !names.includes(route);
      back.hidden = names.length < 2 && names.includes(route);
    },
    moved: () => card.moved(), close: () => card.close() };
}

view("/routes/:route", one);
