// The head of a route: what it says of itself, who gets what, and where its release stands.

import { shares } from "./charts.js";
import { clock, count, h, name, seconds, when } from "./dom.js";
import { liveRole } from "./sections.js";

export function summary(route) {
  const told = [`${route.protocol} · since `, route.since ? when(route.since) : "the start"];
  if (route.reason) told.push(` · ${route.reason}`);
  if (route.rolled_back.length) told.push(` · rolled back: ${route.rolled_back.join(", ")}`);
  for (const [version, count] of Object.entries(route.fleet_left_streams ?? route.left_streams)) {
    const what = (route.on_rollback === "reset" ? "ending" : "finishing there")
      + (route.fleet_left_streams ? ", at all sidecars" : "");
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

const key = (version, colour, percent, role) => h("li", {},
  h("i", { class: `dot ${colour}${role === "copies" ? " hollow" : ""}` }), name(version),
  h("span", { class: "role" }, role), h("b", {}, percent));

// Who gets what: the bar of the live split, and every version by name.
export function legend(route, colourOf) {
  const parts = Object.entries(route.split).map(([version, percent]) => [version, percent, colourOf(version)]);
  const copies = Object.entries(route.shadows);
  return [shares(parts), h("ul", { class: "legend" },
    ...parts.map(([version, percent, colour]) => key(version, colour, `${percent} %`, liveRole(route, version))),
    ...copies.map(([version, percent]) => key(version, colourOf(version), `${percent} %`, "copies")))];
}

// Where an active release stands, stage by stage.
export function stages({ release }) {
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

const wanted = (line) => `${line.title}${line.needed === null ? "" : ` (about ${count(line.needed)} more)`}`;

// What the stage in force ends by, and how much of it is still missing: requests, time, and then a verdict.
export function waiting({ release, phase }, card) {
  if (!release?.active || !release.stages.length) return [];
  if (phase === "paused") return [`Stage ${release.stage} of ${release.stages.length} waits for somebody: it is paused.`];
  const stage = release.stages[release.stage - 1];
  const lines = (card?.metrics ?? []).filter((line) => line.verdict !== "pass" && line.counts);
  const failing = lines.filter((line) => line.verdict === "fail").map((line) => line.title);
  const open = lines.filter((line) => line.verdict === "undecided").map(wanted);
  const left = (stage.duration ?? 0) - (clock() - release.stage_since);
  const told = [
    release.requests < stage.requests ? `${count(stage.requests - release.requests)} more requests` : "",
    left > 0 ? `${seconds(Math.ceil(left))} more` : "",
    open.length ? `${release.require === "proof" ? "proof" : "a verdict"} on ${open.join(", ")}` : "",
    failing.length ? `an end of the breach of ${failing.join(", ")}` : "",
  ].filter(Boolean);
  const standing = `Stage ${release.stage} of ${release.stages.length}`;
  return told.length ? [`${standing} waits for `, h("b", {}, told.join("; ")), "."] : [`${standing} has what it needs.`];
}
