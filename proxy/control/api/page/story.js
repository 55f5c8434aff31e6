// What happened: the explanation of a route and its releases, in the view of the route, and each release as a page of its
// own. All of it comes from /v1/routes/{route}/explain, …/releases and …/releases/{id}, and is told in their words.

import { badge, count, figure, h, name, none, part, when } from "./dom.js";
import { headers, refusal } from "./feed.js";
import { section, TONES } from "./route.js";
import { link, read, view } from "./router.js";

const AGAIN = 5000;

const at = (route, rest) => `v1/routes/${encodeURIComponent(route)}/${rest}`;

async function ask(path) {
  try {
    const response = await fetch(path, { headers: headers(), cache: "no-store" });
    if (response.ok) return { document: await response.json() };
    return { why: (await refusal(response)).text };
  } catch {
    return { why: "The admin API cannot be reached." };
  }
}

// -- the section of a route

const PARTS = [["What", "what"], ["When", "when"], ["To whom", "to_whom"], ["Why", "why"], ["Is it over?", "is_it_over"],
  ["What was done", "done"]];

// Each limit in words: what it says, on how many requests since when, what it would take to change.
const limits = ({ verdicts }) => (verdicts.length ? h("details", { class: "limits" },
  h("summary", {}, `Each limit in words: ${count(verdicts.length)}`),
  h("ul", {}, ...verdicts.map(({ words }) => h("li", {}, `${words.says} On ${words.on}. ${words.changes}`)))) : null);

// What the summary says already is not said again; of nothing there is a line and no table.
function explained(told) {
  const rows = PARTS.filter(([, key]) => told[key] && told[key] !== told.summary).map(([label, key]) => h("div", {}, h("dt", {}, label),
    h("dd", {}, told[key])));
  const steps = h("ul", {}, ...told.now.map((step) => h("li", {}, step)));
  const books = told.warnings.map((each) => h("li", {}, h("a", { href: each.runbook }, `Runbook: ${each.kind}`)));
  if (!rows.length && !books.length) {
    return [h("p", { class: "finding" }, told.summary, " ", h("span", { class: "none" }, told.now.join(" "))), limits(told)].filter((each) => each);
  }
  return [h("p", { class: "finding" }, told.summary), h("dl", { class: "told" }, ...rows, h("div", {}, h("dt", {}, "What to do now"), h("dd", {}, steps,
    books.length ? h("ul", {}, ...books) : null))), limits(told)].filter((each) => each !== null);
}

const phased = (phase) => badge(phase.replace("_", " "), TONES[phase] ?? "");

function row(route, each) {
  return h("li", {}, h("a", { href: link("routes", route, "releases", each.id) }, each.id), " ", phased(each.phase), " ",
    when(each.began), each.ended === null ? "" : [h("small", {}, " to "), when(each.ended)], h("small", {}, ` ${each.sentence}`));
}

const listed = (route, { releases }) => (releases.length ? [h("h4", {}, "Releases"),
  h("ol", { class: "releases", "aria-label": "Releases, newest first" }, ...releases.map((each) => row(route, each)))]
  : [none("No release yet.")]);

class Told {
  constructor(route) {
    this.route = route;
    this.element = h("div", { class: "what-happened" }, none("waiting for figures"));
    this.timer = setInterval(() => document.hidden || this.refresh(), AGAIN);
  }

  take({ path }) {
    if (path !== `/v1/routes/${this.route}`) return;
    this.known = true;
    this.refresh();
  }

  close() {
    clearInterval(this.timer);
    this.closed = true;
  }

  async refresh() {
    if (this.asking || this.closed || !this.known) return;
    this.asking = true;
    const cursor = read(location.hash).query.get("at");
    const moment = cursor ? `?at=${encodeURIComponent(cursor)}` : "";
    const [told, releases] = await Promise.all([ask(at(this.route, `explain${moment}`)), ask(at(this.route, "releases"))]);
    this.asking = false;
    const [text, list] = [JSON.stringify(told.document ? [told.document.summary, told.document.text] : told.why), JSON.stringify(releases)];
    if (this.closed || `${text}${list}` === this.shown || this.element.contains(document.activeElement)) return;
    this.shown = `${text}${list}`;
    const open = this.element.querySelector("details.limits")?.open;
    this.element.replaceChildren(...(told.document ? explained(told.document) : [none(told.why)]),
      ...(releases.document ? listed(this.route, releases.document) : [none(releases.why)]));
    if (open) this.element.querySelector("details.limits")?.setAttribute("open", "");
  }
}

function sectionOf(route) {
  const told = new Told(route);
  return { element: told.element, take: (message) => told.take(message), moved: () => told.refresh(), close: () => told.close() };
}

section({ name: "what-happened", title: "What happened", place: "first", make: sectionOf });

// -- the page of a release

const table = (caption, columns, rows) => (rows.length ? h("div", { class: "scroll", tabindex: 0, role: "region",
  "aria-label": caption }, h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {},
  ...columns.map((column) => h("th", { scope: "col" }, column)))), h("tbody", {}, ...rows.map((cells) =>
  h("tr", {}, ...cells.map((cell) => h("td", {}, cell))))))) : null);

const lines = (verdicts) => h("ul", {}, ...verdicts.map((line) =>
  h("li", {}, h("b", {}, line.outcome), `: ${line.route ? `${line.route}: ` : ""}${line.sentence}`)));

function users({ users: known }) {
  if (known.count === null) return `users: not known (${known.why})`;
  const about = `${known.at_least ? "at least " : ""}${known.error ? "about " : ""}${count(known.count)} users`;
  const notes = [known.error ? `standard error ${part(known.error)}` : "", known.why].filter(Boolean).join("; ");
  return notes ? `${about} (${notes})` : about;
}

function touched(told) {
  if (!told) return none("not known: nothing is kept of the requests of that time");
  const { live, copies } = told;
  return h("ul", {}, told.scope === "fleet" ? h("li", {}, "Counted at all sidecars of the fleet") : null, told.late ? h("li", {}, "Counted since ", when(told.since), ", what came before is not known") : null,
    h("li", {}, `${count(live.requests)} of ${count(told.route_requests)} requests went to ${told.versions}, `
    + `${count(live.bad)} went wrong there, ${count(told.rescued)} were rescued`), h("li", {}, users(told)),
  h("li", {}, `${count(copies.requests)} copies, ${count(copies.bad)} of which went wrong`));
}

function moments(list) {
  const rows = list.flatMap((each) => each.lines.map((line) => [when(each.at), each.phase.replace("_", " "),
    `${line.metric} of ${line.version}`, line.verdict, line.says, line.allowed, count(line.n), figure(line.evidence)]));
  const made = table("Verdicts in between, at even distances; evidence is its natural logarithm",
    ["when", "phase", "line", "verdict", "value", "allowed", "n", "evidence"], rows);
  return made ? h("details", {}, h("summary", {}, `Verdicts in between: ${count(list.length)}`), made) : null;
}

// In a fleet counts are of all sidecars, and what is kept of single requests is of one.
const ALONE = ", of this sidecar alone";

function worst(examples, alone) {
  const all = Object.entries(examples).flatMap(([version, each]) => each.map((one) => [version, one]));
  return all.length ? h("details", {}, h("summary", {}, `Worst disagreements (${all.length}), redacted${alone}`),
    ...all.map(([version, one]) => h("figure", {}, h("figcaption", {}, name(version), ` ${one.request_id}: ${one.kind}`),
      h("pre", {}, JSON.stringify(one.detail, null, 1))))) : null;
}

// The whole story as a file; `headers` may have a token, which a link would not carry.
function file(route, id, ending) {
  const button = h("button", { type: "button", class: "quiet" }, `Export ${ending.toUpperCase()}`);
  const said = h("span", { role: "status" });
  button.addEventListener("click", async () => {
    const path = at(route, `releases/${encodeURIComponent(id)}/export${ending === "html" ? ".html" : ""}`);
    try {
      const response = await fetch(path, { headers: headers(), cache: "no-store" });
      if (!response.ok) throw new Error((await refusal(response)).text);
      const href = URL.createObjectURL(await response.blob());
      h("a", { href, download: `${id}.${ending}` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 60_000);
      said.textContent = " saved";
    } catch (error) {
      said.textContent = ` ${error.message}`;
    }
  });
  return [button, said];
}

export function story(told) {
  const alone = told.touched?.scope === "fleet" ? ALONE : "";
  return [h("header", {}, h("h2", { id: "story-title" }, `${told.candidate} in place of ${told.primary}`), " ", phased(told.phase)),
    h("p", { class: "about" }, told.sentence),
    h("p", {}, "Began ", when(told.began), ` by ${told.began_by.who}. `, told.ended === null ? "It is under way."
      : ["Ended ", when(told.ended), ` by ${told.ended_by.who}: ${told.ended_by.why}`]),
    h("h3", {}, "Whom it touched"), touched(told.touched),
    table("Stages: the whole plan, also what is not begun", ["stage", "asked", "standing", "began", "ended"],
      told.stages.map((each) => [count(each.stage), each.says, each.standing, ...[each.began, each.ended].map((at) =>
        (at === null ? "–" : when(at)))])),
    table("Limits, in all stages", ["limit", "allowed"], told.limits.map((each) => [each.title, each.says])),
    table("What happened, and the verdicts of each moment", ["when", "who", "what", "phase", "why", "verdicts"],
      told.changes.map((each) => [when(each.at), each.who, each.action, each.phase.replace("_", " "), each.why, lines(each.verdicts)])),
    moments(told.moments),
    table("What differs between both versions", ["what", told.candidate, told.primary], told.differs.map((each) =>
      [each.what, each.candidate, each.primary])),
    table(`Failed requests: ${told.failed.length} of ${count(told.failed_total)} are kept${alone}`, ["request", "when", "answer",
      "the other arm", "rescued"], told.failed.map((each) => [h("code", {}, each.request_id), when(each.at),
      each.says, each.other_says, each.rescued ? "yes" : "no"])),
    worst(told.disagreements, alone)];
}

function open({ route, id }) {
  const element = h("section", { class: "card story", "aria-labelledby": "story-title" }, none("waiting for figures"));
  const back = h("nav", { class: "back", "aria-label": "Where you are" }, h("a", { href: link("") }, "All routes"), " / ",
    h("a", { href: link("routes", route) }, route));
  const files = h("p", { class: "files" }, ...file(route, id, "html"), " ", ...file(route, id, "json"));
  let shown = "";
  let over = false;
  const refresh = async () => {
    const { document: told, why } = await ask(at(route, `releases/${encodeURIComponent(id)}`));
    const text = JSON.stringify(told ?? why);
    if (over || text === shown || element.contains(document.activeElement)) return;
    shown = text;
    element.replaceChildren(...(told ? story(told) : [h("h2", { id: "story-title" }, id), none(why)])
      .filter((each) => each !== null));
  };
  const timer = setInterval(() => document.hidden || refresh(), AGAIN);
  refresh();
  return { title: id, element: h("div", {}, back, element, files), close() {
    over = true;
    clearInterval(timer);
  } };
}

view("/routes/:route/releases/:id", open);
