// The part of time that is looked at, as the address has it: `from` and `to` in Unix seconds (or ISO 8601), or `last`
// seconds up to now, which is followed; `at` is the cursor. What cannot be read counts as not said.

export const PRESETS = [[900, "15 min"], [3600, "1 h"], [21600, "6 h"], [86400, "1 day"], [604800, "7 days"]];
export const SHORTEST = 10; // seconds
const USUAL = 3600;
const LATEST = 2 ** 36; // the API's own bound

function moment(text) {
  if (!text) return null;
  const seconds = Number.isFinite(Number(text)) ? Number(text) : Date.parse(text) / 1000;
  return seconds >= 0 && seconds <= LATEST ? seconds : null;
}

// {from, to, live, last, at}: `live` follows the clock, `last` is how much of it.
export function span(query, now) {
  const [from, to, given, at] = ["from", "to", "last", "at"].map((name) => moment(query.get(name)));
  const end = to ?? now;
  const last = given && given >= SHORTEST ? given : USUAL;
  const begins = from !== null && from < end ? from : Math.max(end - last, 0);
  return { from: begins, to: end, live: to === null, last: from === null && to === null ? last : null, at };
}

// The same length, `by` lengths later; no later than now.
export function shifted({ from, to }, by, now) {
  const length = to - from;
  const end = Math.min(to + by * length, now);
  return { from: Math.max(end - length, 0), to: end };
}

// `factor` times as long around a moment.
export function zoomed({ from, to }, factor, around, now) {
  const length = Math.max((to - from) * factor, SHORTEST);
  const middle = around !== null && around > from && around < to ? around : (from + to) / 2;
  const end = Math.min(middle + length / 2, now);
  return { from: Math.max(end - length, 0), to: end };
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];
const MOST = 6;

const offset = (at) => -60 * new Date(1000 * at).getTimezoneOffset();

// Moments that are round by the reader's clock, and what each is called: [Unix seconds, text].
export function ticks(from, to) {
  const step = STEPS.find((each) => (to - from) / each <= MOST) ?? 604800 * Math.ceil((to - from) / MOST / 604800);
  const shift = offset(from);
  const found = [];
  for (let at = Math.ceil((from + shift) / step) * step - shift; at < to; at += step) found.push([at, called(at, step)]);
  return found;
}

const clock = (more) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", ...more });
const MINUTE = clock({});
const SECOND = clock({ second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

function called(at, step) {
  const date = new Date(1000 * at);
  if (step >= 86400 || (at + offset(at)) % 86400 === 0) return DAY.format(date);
  return (step < 60 ? SECOND : MINUTE).format(date);
}

export const time = (at) => SECOND.format(new Date(1000 * at));

// A range in words; days are said where the times alone would not tell.
export function between(from, to, now) {
  const day = (at) => (DAY.format(new Date(1000 * at)) === DAY.format(new Date(1000 * now)) ? "" : `${DAY.format(new Date(1000 * at))} `);
  return `${day(from)}${time(from)} to ${day(to)}${time(to)}`;
}

const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];

export function length(seconds) {
  const [unit, name] = UNITS.find(([each]) => seconds >= each && seconds % each === 0) ?? UNITS.at(-1);
  const n = Math.round(seconds / unit);
  return `${n} ${name}${n === 1 ? "" : "s"}`;
}
