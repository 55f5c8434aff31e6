// Documents in, sections out. The server sends what changed; each document redraws one section and nothing else.

import { $, badge, count, h, name, none, refreshTimes, seconds, setClock, when } from "./dom.js";
import { shares, verdict } from "./charts.js";
import { Controls, wireDialogs } from "./controls.js";
import { Feed, setToken, token } from "./feed.js";
import { fleet } from "./fleet.js";
import { disagreements, drift, liveRole, scorecard, versions } from "./sections.js";
import { timeline } from "./timeline.js";

const COLOURS = 6;
const cards = new Map();
const seen = new Map();
let configured = [];

// A version keeps its colour wherever it is shown; the first ones named are the most used.
const coloured = new Map();
const colourOf = (version) => {
  if (!coloured.has(version)) coloured.set(version, `c${coloured.size % COLOURS}`);
  return coloured.get(version);
};

const TONES = { ramping: "busy", shadowing: "busy", paused: "open", promoted: "good", rolled_back: "bad" };

class Card {
  constructor(route) {
    this.controls = new Controls(colourOf);
    const id = `route-${cards.size}-${Math.random().toString(36).slice(2, 8)}`;
    this.title = h("h2", { id }, route);
    this.badges = h("span", { class: "badges" });
    this.about = h("p", { class: "about" });
    this.warnings = h("ul", { class: "warnings" });
    this.who = h("div", { class: "who" });
    this.parts = Object.fromEntries(["traffic", "scorecard", "drift", "disagreements"].map((part) =>
      [part, h("div", { class: part }, none("waiting for figures"))]));
    // The place that scrolls is not redrawn: it keeps focus and position.
    for (const [name, value] of [["tabindex", 0], ["role", "region"], ["aria-label", "Versions side by side"]]) {
      this.parts.traffic.setAttribute(name, value);
    }
    this.parts.traffic.classList.add("scroll");
    this.element = h("section", { class: "card", "aria-labelledby": id, "data-route": route },
      h("header", {}, this.title, this.badges), this.about, this.warnings, this.who,
      h("div", { class: "pair" },
        h("div", {}, h("h3", {}, "Versions side by side"), this.parts.traffic), this.controls.element),
      h("h3", {}, "Scorecard"), this.parts.scorecard,
      h("h3", {}, "Drift"), this.parts.drift,
      h("h3", {}, "Disagreements"), this.parts.disagreements);
    this.figures = {};
    this.toggled = new Map();
    this.link = h("a", { href: `#${id}` });
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
    if (part === "drift") this.parts.drift.replaceChildren(...drift(document, colourOf));
    if (part === "disagreements") this.drawDisagreements(document);
  }

  drawRoute(route, etag) {
    for (const version of [route.primary, ...Object.keys(route.split), ...Object.keys(route.shadows)]) colourOf(version);
    const phase = badge(route.phase.replace("_", " "), TONES[route.phase] ?? "");
    const said = route.candidates.length ? verdict(route.verdict) : "";
    this.badges.replaceChildren(phase, said);
    const rest = Object.entries(route.split).map(([version, percent]) => [version, percent, colourOf(version)]);
    this.link.replaceChildren(h("b", {}, route.route), phase.cloneNode(true), said && said.cloneNode(true), shares(rest));
    this.about.replaceChildren(...this.told(route));
    this.warnings.replaceChildren(...route.warnings.map((warning) => h("li", {}, warning)));
    this.drawShares(route);
    this.controls.update(route, etag, configured);
  }

  told(route) {
    const told = [`${route.protocol} · since `, route.since ? when(route.since) : "the start"];
    if (route.reason) told.push(` · ${route.reason}`);
    if (route.rolled_back.length) told.push(` · rolled back: ${route.rolled_back.join(", ")}`);
    for (const [version, count] of Object.entries(route.left_streams)) {
      const what = route.on_rollback === "reset" ? "ending" : "finishing there";
      told.push(` · ${count} ${count === 1 ? "stream" : "streams"} still on ${version}, ${what}`);
    }
    const { release } = route;
    if (release?.active) {
      told.push(` · ${release.strategy} release of ${Object.keys(release.arms).join(", ") || release.candidate}`);
      if (release.routes.length > 1) {
        told.push(`, one with ${release.routes.filter((other) => other !== route.route).join(", ")} as ${release.name}`);
      }
      if (release.left.length) told.push(` · left the test: ${release.left.join(", ")}`);
    }
    return told;
  }

  drawShares(route) {
    const parts = Object.entries(route.split).map(([version, percent]) => [version, percent, colourOf(version)]);
    const copies = Object.entries(route.shadows);
    const legend = [
      ...parts.map(([version, percent, colour]) => this.key(version, colour, `${percent} %`,
        liveRole(route, version))),
      ...copies.map(([version, percent]) => this.key(version, colourOf(version), `${percent} %`, "copies")),
    ];
    this.who.replaceChildren(shares(parts), h("ul", { class: "legend" }, ...legend), stages(route));
  }

  key(version, colour, percent, role) {
    return h("li", {}, h("i", { class: `dot ${colour}${role === "copies" ? " hollow" : ""}` }), name(version),
      h("span", { class: "role" }, role), h("b", {}, percent));
  }

  // What was opened or closed by hand outlives a redraw, and so does the focus.
  drawDisagreements(document) {
    const focused = this.parts.disagreements.querySelector("summary:focus")?.parentElement.dataset.key;
    this.parts.disagreements.replaceChildren(...disagreements(document, colourOf, (key, usual) =>
      this.toggled.get(key) ?? usual));
    for (const details of this.parts.disagreements.querySelectorAll("details")) {
      const summary = details.querySelector("summary");
      summary.addEventListener("click", () => this.toggled.set(details.dataset.key, !details.open));
      if (details.dataset.key === focused) summary.focus();
    }
  }
}

// Where an active release stands, stage by stage.
function stages({ release }) {
  if (!release?.active || !release.stages.length) return "";
  const staying = Object.entries(release.arms).filter(([version]) => !release.left.includes(version));
  const live = (stage) => (staying.length ? staying.reduce((all, [, part]) => all + part, 0) : stage.canary);
  const steps = release.stages.map((stage, at) => {
    const now = at + 1 === release.stage;
    const what = stage.canary ? `${live(stage)} % live` : `${stage.shadow} % copies`;
    const ends = [now && stage.requests ? `${count(release.requests)} of ${count(stage.requests)} requests`
      : stage.requests ? `${count(stage.requests)} requests` : "", stage.duration ? seconds(stage.duration) : "",
      now && release.require === "proof" ? "ends by proof" : ""];
    const standing = at + 1 < release.stage ? "past" : now ? "present" : "ahead";
    return h("li", { class: standing, "aria-current": now ? "step" : null }, h("b", {}, what),
      h("small", {}, ends.filter(Boolean).join(", ")));
  });
  return h("ol", { class: "stages", "aria-label": "Stages of the release" }, ...steps);
}

function overview(document) {
  configured = document.versions;
  const up = document.workers.filter((worker) => worker.up);
  const behind = up.filter((worker) => worker.revision !== document.revision);
  const facts = [
    badge(`${up.length} of ${document.workers.length} workers`, up.length === document.workers.length ? "good" : "bad"),
    badge(`table ${document.revision}${behind.length ? `, ${behind.length} behind` : ""}`, ""),
  ];
  if (up.some((worker) => !worker.leased)) facts.push(badge("a worker serves primaries only", "bad"));
  if (document.unsaved) facts.push(badge(`${document.unsaved} changes not stored yet`, "bad"));
  if (!document.configuration.in_force) facts.push(badge("configuration refused", "bad"));
  $("facts").replaceChildren(...facts.map((fact) => h("li", {}, fact)));
  $("notices").replaceChildren(...(document.configuration.in_force ? [] : [problems(document.configuration.problems)]));
  arrange(document.routes.map((route) => route.route));
}

const problems = (found) => h("div", { class: "notice bad", role: "alert" },
  h("b", {}, "The newest configuration is refused; the one before it is in force."),
  h("ul", {}, ...found.map((p) => h("li", {}, h("code", {}, p.path), ` is ${p.found}; allowed: ${p.allowed}`))));

function arrange(names) {
  for (const [route, card] of cards) {
    if (names.includes(route)) continue;
    card.element.remove();
    cards.delete(route);
  }
  for (const route of names) if (!cards.has(route)) cards.set(route, new Card(route));
  const wanted = names.map((route) => cards.get(route).element);
  const have = [...$("routes").children];
  if (wanted.length === have.length && wanted.every((element, at) => element === have[at])) return;
  $("routes").replaceChildren(...wanted);
  $("glance").replaceChildren(...names.map((route) => h("li", {}, cards.get(route).link)));
}

function take({ at, path, etag, document }) {
  if (at) setClock(at);
  if (path === "/v1/fleet") return fleet(document);
  if (document === null) return;
  seen.set(path, document);
  if (path === "/v1/routes") return overview(document);
  if (path.startsWith("/v1/audit")) return timeline($("changes"), document, colourOf);
  const part = path.match(/\/(traffic|scorecard|drift|disagreements)$/)?.[1];
  const known = part && path === `/v1/routes/${document.route}/${part}`;
  cards.get(document.route)?.draw(known ? part : "route", document, etag);
}

let lost = 0;

function stands(state, text) {
  const feed = $("feed");
  if (feed.dataset.state !== state || feed.dataset.text !== text) {
    Object.assign(feed.dataset, { state, text });
    feed.replaceChildren(...(state === "live" ? [text] : [text, lost ? h("span", {}, " · as of ", when(lost)) : ""]));
    document.body.classList.toggle("stale", state !== "live" && seen.size > 0);
  }
  if (state === "live") lost = Date.now() / 1000;
  if (state === "token") login();
}

function login() {
  if ($("login").open) return;
  $("login-token").value = "";
  $("login").showModal();
}

function wireLogin(feed) {
  const showHeld = () => { $("token").textContent = token() ? "Token held" : "Token"; };
  $("token").addEventListener("click", login);
  $("login-no").addEventListener("click", () => $("login").close());
  $("login").querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    setToken($("login-token").value.trim());
    $("login-token").value = "";
    $("login").close();
    showHeld();
    feed.start();
  });
  showHeld();
}

const feed = new Feed(take, stands);
wireLogin(feed);
wireDialogs((told) => {
  $("done").textContent = `Done: ${told}.`;
  setTimeout(() => { $("done").textContent = ""; }, 6000);
}, login);
setInterval(refreshTimes, 1000);
feed.start();
