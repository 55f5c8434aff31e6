// All routes: one tile each, those that need somebody first. A single route is shown itself.

import { shares } from "./charts.js";
import { colourOf } from "./colours.js";
import { h, none, soon } from "./dom.js";
import { drifted, newest } from "./held.js";
import { badges, Card } from "./route.js";
import { link, view } from "./router.js";
import { Sparks } from "./sparks.js";

// What is wrong comes first: rolled back, drifted or warned of, then what is on its way, then the rest by name.
const URGENT = { rolled_back: 0, paused: 2, ramping: 3, shadowing: 4 };

export function urgency(route, drifts) {
  const wrong = route.verdict === "fail" || route.warnings.length || drifted(drifts);
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
    this.past = h("div", { class: "past" });
    this.element = h("li", {}, h("a", { href: link("routes", route), "data-route": route }, this.head, this.bar, this.past));
    this.route = route;
  }

  draw(route) {
    const drifts = newest(`/v1/routes/${this.route}/drift`);
    const told = JSON.stringify([route.phase, route.verdict, route.split, route.warnings.length,
      drifted(drifts)]);
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
    this.again = soon(() => this.only || this.closed || !newest("/v1/routes") || this.arrange(newest("/v1/routes").routes));
  }

  take(message) {
    if (message.path === "/v1/routes" && message.document) this.arrange(message.document.routes);
    else this.only?.take(message);
    if (message.path.endsWith("/drift")) this.again();
    if (message.path === "/v1/routes") this.only?.take(message);
  }

  arrange(routes) {
    if (!routes.length) return this.alone(null, FIRST);
    if (routes.length === 1) return this.single(routes[0].route);
    this.only?.close();
    this.only = null;
    this.sparks ??= new Sparks((route, parts) => this.tiles.get(route)?.past.replaceChildren(...parts));
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
    this.sparks?.close();
    this.sparks = null;
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
    this.closed = true;
    this.only?.close();
    this.sparks?.close();
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
