// What was: the history of a route, or of all, as /v1/routes/{route}/history and /v1/history tell it.

import { headers, refusal } from "./feed.js";

export const ofRoute = (route) => `v1/routes/${encodeURIComponent(route)}/history`;
export const OF_ALL = "v1/history";

// {document}, or {why, status}; a status of 404 says that no history is kept. The browser keeps the answer and asks whether it is still the newest.
export async function past(path, query, signal) {
  try {
    const response = await fetch(`${path}?${new URLSearchParams(query)}`, { headers: headers(), cache: "no-cache", signal });
    if (response.ok) return { document: await response.json() };
    return { why: (await refusal(response)).text, status: response.status };
  } catch {
    return { why: "The admin API cannot be reached." };
  }
}

// -- what follows the clock: the whole once, and from then on what has come since

const ANEW = 60; // looks after which the whole is asked for again
const MOST = 600; // steps of an answer
const COUNTS = ["counts", "due", "pairs", "analysed"]; // lists beside the values that are 0 where there was nothing

const identity = ({ name, version, role, line, feature, side }) => JSON.stringify([name, version, role, line, feature, side]);

// What a series has in an observed step that tells nothing of it; `of`: how many its part would be of.
const untold = ({ name, unit }, of) => (["requests", "percent"].includes(unit) || (name.startsWith("outcome.") && of > 0) ? 0 : null);

// The series of one route: those of `known` for the first steps, which begin `dropped` steps later now, then those of `news`.
function joined(known, news, { n, dropped, kept }) {
  const [before, after] = [known, news].map((list) => new Map(list.map((each) => [identity(each), each])));
  const made = new Map();
  const at = (key, list, place, blank) => {
    const told = place < kept ? before.get(key)?.[list]?.[place + dropped] : after.get(key)?.[list]?.[place - kept];
    return told === undefined ? blank(place) : told;
  };
  const values = (key, list, blank) => Array.from({ length: n }, (_, place) => at(key, list, place, blank));
  const observed = values(identity({ name: "observed", version: null, role: null }), "values", () => null);
  const total = ({ of, version, role }, place) => (of ? at(identity({ name: of, version, role }), "values", place, () => 0) : 0);
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [old, head] = [before.get(key), { ...before.get(key), ...after.get(key) }];
    const blank = (list) => (place) => {
      if (observed[place] === null) return null;
      return list === "values" ? untold(head, total(head, place)) : COUNTS.includes(list) ? 0 : null;
    };
    const lists = Object.keys(head).filter((name) => Array.isArray(head[name]));
    const series = { ...head, ...Object.fromEntries(lists.map((list) => [list, values(key, list, blank(list))])) };
    if (old?.drifted) series.drifted = true;
    if (after.has(key) || series.values.some((value) => value !== null && value !== 0)) made.set(key, series);
  }
  return [...made.values()];
}

// An answer about `from` up to now: `known` as far as it was whole, and `news` from there on. null: they do not fit.
export function grown(known, news, from) {
  const { step } = news;
  const begin = Math.floor(from / step) * step;
  if (news.from <= begin) return news;
  const shape = { n: Math.round((news.to - begin) / step), dropped: Math.round((begin - known.from) / step),
    kept: Math.round((news.from - begin) / step) };
  if (step !== known.step || begin < known.from || news.from > known.to || shape.n > MOST) return null;
  const changes = [...known.changes.filter((each) => each.at >= begin && each.at < news.from), ...news.changes];
  const made = { ...news, from: begin, times: { start: begin, step, n: shape.n }, changes };
  if (!news.routes) return { ...made, series: joined(known.series, news.series, shape) };
  const before = new Map(known.routes.map((each) => [each.route, each.series]));
  return { ...made, routes: news.routes.map((each) => ({ ...each, series: joined(before.get(each.route) ?? [], each.series, shape) })) };
}

// `look` tells as `past` does; the page asks for the steps that were not whole yet, a hundredth of an hour's cost.
export class Followed {
  constructor(path, query = {}) {
    Object.assign(this, { path, query, known: null, left: 0 });
  }

  async look(from, signal) {
    this.left -= 1;
    const { known } = this;
    const since = known ? Math.floor(known.until / known.step) * known.step : 0;
    if (this.left > 0 && from !== null && since > from) {
      const told = await past(this.path, { ...this.query, from: since, step: known.step }, signal);
      const document = told.document && grown(known, told.document, from);
      if (document || !told.document) return this.take(told, document);
    }
    const told = await past(this.path, { ...this.query, ...(from === null ? {} : { from: Math.floor(from) }) }, signal);
    this.left = ANEW;
    return this.take(told, told.document);
  }

  take(told, document) {
    this.known = document ?? this.known;
    return { ...told, document };
  }
}
