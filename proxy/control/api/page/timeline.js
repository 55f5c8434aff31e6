// Who changed what, when and why: the audit, newest first.

import { badge, h, name, none, percents, when } from "./dom.js";

const TONES = { rollback: "bad", leave: "bad", drop: "bad", breach: "bad", promote: "good", split: "busy", release: "busy",
  pause: "open", restart: "open", keep: "open" };

// Live traffic of a stored state, beside the primary: a release's follows from its stage, a paused route keeps what it had.
function live(state) {
  const phase = state.phase === "paused" ? state.paused_from ?? "steady" : state.phase;
  if (phase === "rolled_back" || phase === "promoted") return {};
  const { release } = state;
  if (!release || (phase !== "ramping" && phase !== "shadowing")) return state.split;
  const arms = Object.entries(release.arms ?? {});
  if (arms.length) return Object.fromEntries(arms.filter(([version]) => !state.left?.includes(version)));
  const stage = release.stages[state.stage];
  return stage?.canary ? { [release.candidate]: stage.canary } : {};
}

function differences(before, after) {
  if (!after) return [];
  const rows = [];
  const put = (what, from, to) => rows.push(h("li", {}, `${what} `, from === null ? "" : h("span", { class: "from" },
    from), from === null ? "" : " → ", h("b", {}, to)));
  if (before?.phase !== after.phase) put("phase", before?.phase.replace("_", " ") ?? null, after.phase.replace("_", " "));
  if (before && before.primary !== after.primary) put("primary", before.primary, after.primary);
  const shares = [["", before && live(before), live(after)], ["copies to ", before && before.shadows, after.shadows]];
  for (const [label, from, to] of shares) {
    for (const version of new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})])) {
      const [was, is] = [from?.[version] ?? 0, to?.[version] ?? 0];
      if (was !== is) put(label + version, from ? `${percents(was)} %` : null, `${percents(is)} %`);
    }
  }
  return rows;
}

// Another model under the name of a version.
function renamed(change) {
  if (!change) return [];
  return [h("li", {}, `${change.version} `, h("span", { class: "from" }, change.before.join(" and ")), " → ",
    h("b", {}, change.after.join(" and ")))];
}

function item(entry) {
  return h("li", { "data-seq": entry.seq },
    h("p", { class: "change-head" }, badge(entry.action.replace("_", " "), TONES[entry.action] ?? ""), name(entry.route),
      when(entry.at)),
    h("p", { class: "change-who" }, "by ", h("b", {}, entry.who)),
    entry.why ? h("p", { class: "change-why" }, entry.why) : null,
    h("ul", { class: "moved" }, ...renamed(entry.identity), ...differences(entry.before, entry.after),
      ...Object.values(entry.beside ?? {}).flatMap((states) => differences(states.before, states.after))));
}

// Draws what is new; entries never change.
export function timeline(list, audit) {
  const entries = [...audit.entries].sort((a, b) => b.seq - a.seq);
  if (!entries.length) return list.replaceChildren(h("li", {}, none("No change yet.")));
  list.replaceChildren(...entries.map(item));
}
