// All routes: one tile each, those that need somebody first. A single route is shown itself.

import { shares } from "./charts.js";
import { colourOf } from "./colours.js";
import { h, none } from "./dom.js";
import { newest } from "./held.js";
import { badges, Card } from "./route.js";
import { link, view } from "./router.js";

// What is wrong comes first: rolled back, drifted or warned of, then what is on its way, then the rest by name.
const URGENT = { rolled_back: 0, paused: 2, ramping: 3, shadowing: 4 };

export function urgency(route, drifts) {
  const wrong = route.verdict === "fail" || route.warnings.length || drifts?.features.some((row) => row.drifted);
  return Math.min(URGENT[route.phase] ?? 5, wrong ? 1 : 5);
}

export const FIRST = h("div", { class: "card first" },
  h("h2", {}, "No route yet"),
  h("p", {}, "Penumbra stands in front of model servers; it needs to know which requests go to which version. Write this ",
    "into its configuration, with the address of your server, and save: it is taken at once."),
  h("pre", {}, "versions:\n  fraud-v1: {url: http://127.0.0.1:8081}\nroutes:\n  fraud:\n    match: {path: /v2/models/fraud/}\n" +
    "    protocol: oip\n    primary: fraud-v1\n"),
  h("p", {}, "Then send a request through the proxy: the route appears here with its traffic. ",
    h("code", {}, "penumbra check CONFIG"), " says what is wrong with a configuration, ",
    h("code", {}, "penumbra demo"), " shows all of it with models of its own."));

class Tile {
  constructor(route) {
    this.head = h("span", { class: "tile-head" });
    this.bar = h("div", {});
    this.element = h("li", {}, h("a", { href: link("routes", route), "data-route": route }, this.head, this.bar));
    this.route = route;
  }

  draw(route) {
    const drifts = newest(`/v1/routes/${this.route}/drift`);
    const told = JSON.stringify([route.phase, route.verdict, route.split, route.warnings.length,
      (drifts?.features ?? []).filter((row) => row.drifted).length]);
    this.element.firstChild.setAttribute("href", link("routes", this.route));
    if (told === this.told) return;
    this.told = told;
    const parts = Object.entries(route.split).map(([version, percent]) => [version, percent, colourOf(version)]);
    this.head.replaceChildren(h("b", {}, this.route), ...badges(route, drifts));
    this.bar.replaceChildren(shares(parts));
  }
}

class AllRoutes {
  constructor() {
    this.tiles = new Map();
    this.list = h("ul", { class: "glance" });
    this.nav = h("nav", { "aria-label": "Routes" }, this.list);
    this.element = h("div", {}, none("waiting for figures"));
    this.only = null;
  }

  take(message) {
    if (message.path === "/v1/routes" && message.document) this.arrange(message.document.routes);
    else this.only?.take(message);
    if (message.path === "/v1/routes") this.only?.take(message);
  }

  arrange(routes) {
    if (!routes.length) return this.alone(null, FIRST);
    if (routes.length === 1) return this.single(routes[0].route);
    this.only?.close();
    this.only = null;
    for (const route of routes) {
      if (!this.tiles.has(route.route)) this.tiles.set(route.route, new Tile(route.route));
      this.tiles.get(route.route).draw(route);
    }
    const drifts = (route) => newest(`/v1/routes/${route.route}/drift`);
    const rank = new Map(routes.map((route) => [route.route, urgency(route, drifts(route))]));
    const names = [...rank.keys()].sort((a, b) => rank.get(a) - rank.get(b) || a.localeCompare(b));
    const wanted = names.map((name) => this.tiles.get(name).element);
    if (wanted.some((element, at) => element !== this.list.children[at]) || wanted.length !== this.list.children.length) {
      this.list.replaceChildren(...wanted);
    }
    this.alone("list", this.nav);
  }

  single(route) {
    if (this.only?.route === route) return;
    this.only?.close();
    this.only = new Card(route);
    this.alone(route, this.only.element);
    replay(this.only);
  }

  alone(what, element) {
    if (this.shown === what && this.shown !== undefined) return;
    this.shown = what;
    this.element.replaceChildren(element);
  }

  moved() {
    this.only?.moved();
  }

  close() {
    this.only?.close();
  }
}

function replay(card) {
  for (const part of ["", "/traffic", "/scorecard", "/drift", "/disagreements"]) {
    const path = `/v1/routes/${card.route}${part}`;
    const document = newest(path);
    if (document) card.take({ path, document });
  }
}

view("/", () => new AllRoutes());
