// The controls of one route: each change opens the dialog that says what it will do, and asks why.

import { ask, inForce } from "./confirm.js";
import { h, name, percents } from "./dom.js";

const rest = (draft) => 100 - Object.values(draft).reduce((sum, percent) => sum + percent, 0);

const round = (x) => Math.round(1e9 * x) / 1e9;

export const moved = (before, after) => {
  const versions = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const rows = versions.filter((version) => (before[version] ?? 0) !== (after[version] ?? 0));
  return h("ul", { class: "moved" }, ...rows.map((version) => h("li", {}, name(version), " ",
    h("span", { class: "from" }, `${percents(before[version] ?? 0)} %`), " → ",
    h("b", {}, `${percents(after[version] ?? 0)} %`))));
};

// The phases in which an action is possible, as the API has them; what it refuses all the same, it explains.
const POSSIBLE = {
  pause: ["steady", "shadowing", "ramping"],
  resume: ["paused"],
  promote: ["steady", "shadowing", "ramping", "paused"],
  rollback: ["steady", "shadowing", "ramping", "paused", "promoted"],
  release: ["steady", "promoted", "rolled_back"],
  undo: ["steady", "shadowing", "ramping", "paused", "promoted", "rolled_back"],
};

// The controls of one route. They stay while figures around them change, so that a hand on a slider keeps it.
export class Controls {
  constructor(colourOf) {
    this.colourOf = colourOf;
    this.element = h("div", { class: "controls" });
    this.rows = new Map();
    this.draft = null;
    this.key = "";
  }

  update(route, etag, versions) {
    this.route = route;
    this.etag = etag;
    const near = new Set([...Object.keys(route.split), ...Object.keys(route.shadows), ...route.rolled_back,
      ...route.candidates, ...(route.release ? [route.release.candidate] : []),
      ...(route.previous ? [route.previous] : [])]);
    const others = versions.filter((version) => version !== route.primary && version !== route.baseline?.version);
    const key = JSON.stringify([route.primary, others, [...near].sort()]);
    if (key !== this.key) this.build(key, others.filter((v) => near.has(v)), others.filter((v) => !near.has(v)));
    this.show();
  }

  build(key, near, far) {
    this.key = key;
    this.draft = null;
    this.rows.clear();
    const rows = near.map((version) => this.row(version));
    const more = far.map((version) => this.row(version));
    this.rest = h("p", { class: "rest" });
    this.force = h("p", { class: "rest force" });
    this.apply = h("button", { type: "button" }, "Change split");
    this.apply.addEventListener("click", () => this.askSplit());
    this.reset = h("button", { type: "button", class: "quiet" }, "Reset");
    this.reset.addEventListener("click", () => { this.draft = null; this.show(); });
    this.actions = Object.fromEntries(["pause", "resume", "promote", "release", "undo", "rollback"]
      .map((action) => [action, this.action(action)]));
    this.element.replaceChildren(h("h3", {}, "Change"), ...rows,
      more.length ? h("details", {}, h("summary", {}, "Other versions"), ...more) : "",
      near.length + far.length ? this.rest : h("p", { class: "none" }, "No other version is configured."),
      h("p", { class: "buttons" }, this.apply, this.reset),
      h("p", { class: "buttons" }, ...Object.values(this.actions)), this.force);
  }

  row(version) {
    const label = `Percent of live traffic for ${version} on ${this.route.route}`;
    const slider = h("input", { type: "range", min: 0, max: 100, step: 1, "aria-label": label });
    const exact = h("input", { type: "number", min: 0, max: 100, step: "any", "aria-label": `${label}, exactly`,
      inputmode: "decimal" });
    slider.addEventListener("input", () => this.put(version, slider.valueAsNumber));
    exact.addEventListener("input", () => this.put(version, exact.valueAsNumber));
    slider.classList.add(this.colourOf(version));
    this.rows.set(version, { slider, exact });
    return h("div", { class: "split-row", "data-version": version }, name(version), slider,
      h("span", { class: "exact" }, exact, "%"));
  }

  action(action) {
    const labels = { pause: "Pause", resume: "Resume", promote: "Promote", release: "Start release",
      undo: "Undo", rollback: "Roll back" };
    const button = h("button", { type: "button", class: action === "rollback" ? "danger" : "quiet",
      "data-action": action }, labels[action]);
    button.addEventListener("click", () => this[action]());
    return button;
  }

  // The split without the primary and its baseline, which follows the rest.
  live() {
    const { primary, baseline } = this.route;
    return Object.fromEntries(Object.entries(this.route.split)
      .filter(([version]) => version !== primary && version !== baseline?.version));
  }

  put(version, percent) {
    this.draft = { ...(this.draft ?? this.live()), [version]: percent };
    this.show();
  }

  show() {
    const route = this.route;
    const wanted = this.draft ?? this.live();
    for (const [version, { slider, exact }] of this.rows) {
      const percent = wanted[version] ?? 0;
      if (!Number.isNaN(percent)) slider.value = percent;
      if (document.activeElement !== exact) exact.value = Number.isNaN(percent) ? "" : round(percent);
    }
    const left = rest(wanted);
    const bad = !Object.values(wanted).every((x) => x >= 0 && x <= 100) || left < -1e-9;
    this.rest.className = bad ? "rest error" : "rest";
    this.rest.replaceChildren(...(bad ? ["Shares go from 0 to 100 %, and are at most 100 % together."]
      : [name(route.primary), ` gets the rest: ${percents(round(Math.max(left, 0)))} %`,
        route.baseline ? `, less the part of its baseline ${route.baseline.version}` : ""]));
    const live = this.live();
    const same = Object.keys({ ...live, ...wanted }).every((v) => (live[v] ?? 0) === (wanted[v] ?? 0));
    this.apply.disabled = bad || same;
    this.reset.hidden = this.draft === null || same;
    this.force.textContent = route.in_force ? `The last change is ${inForce(route.in_force)}.` : "";
    for (const [action, button] of Object.entries(this.actions)) button.hidden = !this.possible(action);
  }

  possible(action) {
    const { phase, release, candidates } = this.route;
    if (action === "release") return release !== null && !release.active && POSSIBLE.release.includes(phase);
    if (action === "promote") return candidates.length > 0 && POSSIBLE.promote.includes(phase);
    return POSSIBLE[action].includes(phase);
  }

  askSplit() {
    const { route, etag } = this;
    const before = { ...this.live(), [route.primary]: round(rest(this.live())) };
    const others = Object.fromEntries(Object.entries(this.draft).filter(([, percent]) => percent > 0));
    const after = { ...others, [route.primary]: round(rest(others)) };
    ask({
      action: "split",
      route: route.route,
      etag,
      title: `Change the split of ${route.route}`,
      what: [moved(before, after)],
      spare: [route.release?.active ? h("p", {}, "This ends the release that is on its way.") : "", ...this.together()],
      label: "Change split",
      body: (why) => ({ split: others, reason: why }),
      made: () => { this.draft = null; },
    });
  }

  // Who acts on one route of a release over several acts on all of them.
  together() {
    const { name: release, routes = [] } = this.route.release ?? {};
    if (routes.length < 2) return [];
    return [h("p", {}, "It is done on all routes of release ", name(release), ` at once: ${routes.join(", ")}.`)];
  }

  simple(action, title, label, said, more = {}) {
    const { route, etag } = this;
    ask({ action, route: route.route, etag, title, spare: [h("p", {}, ...said), ...this.together()], label, ...more,
      body: (why, version) => (version ? { reason: why, version } : { reason: why }) });
  }

  pause() {
    this.simple("pause", `Pause ${this.route.route}`, "Pause",
      ["The split stays as it is, and no stage follows. A breach still acts."]);
  }

  resume() {
    this.simple("resume", `Resume ${this.route.route}`, "Resume", ["It goes on where it was paused."]);
  }

  promote() {
    const { candidates, primary } = this.route;
    this.simple("promote", `Promote on ${this.route.route}`, "Promote",
      [candidates.length === 1 ? name(candidates[0]) : "The version",
        " becomes the primary and gets all live traffic in place of ", name(primary), "."], { versions: candidates });
  }

  undo() {
    this.simple("undo", `Undo the last change of ${this.route.route}`, "Undo it",
      ["What a person changed last is put back, as a change of its own."]);
  }

  release() {
    this.simple("release", `Start the release of ${this.route.route}`, "Start",
      ["It begins with its first stage; the candidate is ", name(this.route.release.candidate), "."]);
  }

  // Without If-Match: whoever pulls the brake must not be told that the picture has just changed.
  rollback() {
    const { route, phase, primary, previous } = this.route;
    const to = phase === "promoted" && previous ? previous : primary;
    this.simple("rollback", `Roll ${route} back`, "Roll back",
      ["All live traffic goes to ", name(to), " at once. What is rolled back gets live traffic again only when ",
        "somebody changes that."], { danger: true });
  }
}
