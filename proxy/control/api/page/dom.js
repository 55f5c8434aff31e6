// Elements and figures. Whatever comes from outside becomes a text node or an attribute of a known name, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

export const $ = (id) => document.getElementById(id);

// -- figures; what is not known says so

export const NONE = "no data";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (n) => (n === null || n === undefined ? NONE : whole.format(n));

// JSON has no infinities; the API names them.
const NAMED = { inf: Infinity, "-inf": -Infinity, nan: NaN };
export const number = (value) => (typeof value === "string" ? NAMED[value] ?? NaN : value);

export function figure(value, digits = 3) {
  const x = number(value);
  if (x === null || x === undefined || Number.isNaN(x)) return NONE;
  if (!Number.isFinite(x)) return x > 0 ? "infinite" : "minus infinite";
  if (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e6)) return x.toExponential(digits - 1).replace("-", "−");
  return new Intl.NumberFormat("en", { maximumSignificantDigits: digits }).format(x).replace("-", "−");
}

// A part of 1 as percent. Rare is not never, and nearly all is not all: what is above 0 is not shown as 0, nor what is below
// 100 as 100.
export function part(ratio) {
  if (ratio === null || ratio === undefined) return NONE;
  const percent = 100 * ratio;
  if (percent > 0 && percent < 0.01) return "< 0.01 %";
  if (percent < 100 && percent >= 99.95) return "> 99.9 %";
  return `${percents(percent)} %`;
}

export const percents = (percent) =>
  new Intl.NumberFormat("en", { maximumFractionDigits: percent < 10 ? 2 : 1 }).format(percent);

// A length of time in at most two units, as `contracts/durations.py` says it: 3600 s is an hour.
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

export function seconds(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 0.0009995 && value !== 0) return `${figure(1e6 * value)} µs`;
  if (value < 0.9995 && value !== 0) return `${figure(1e3 * value)} ms`;
  if (value < 59.95) return `${figure(value)} s`;
  if (!Number.isFinite(value)) return "for ever";
  const whole = Math.round(value);
  const at = UNITS.findIndex(([unit]) => whole >= unit);
  const [[unit, name], [smaller, beside]] = [UNITS[at], UNITS[at + 1]];
  const rest = Math.floor((whole % unit) / smaller);
  return `${count(Math.floor(whole / unit))} ${name}${rest ? ` ${rest} ${beside}` : ""}`;
}

// -- time: the server's clock decides, the browser's may be wrong

let ahead = 0;

export const setClock = (at) => {
  ahead = at - Date.now() / 1000;
};

function ago(at) {
  const passed = Date.now() / 1000 + ahead - at;
  if (passed < 1) return "now";
  const [unit, name] = UNITS.find(([unit]) => passed >= unit);
  return `${Math.floor(passed / unit)} ${name} ago`;
}

let absolute = false;

// A moment in full, by the clock of the reader and by UTC: what is compared with the logs of others must not be guessed.
export function fully(at) {
  const moment = new Date(1000 * at);
  const local = moment.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" });
  return `${local} (${moment.toISOString().slice(0, 19).replace("T", " ")} UTC)`;
}

const said = (at) => (absolute ? fully(at) : ago(at));

export const clock = () => Date.now() / 1000 + ahead;

export function when(at) {
  return h("time", { datetime: new Date(1000 * at).toISOString(), title: fully(at), "data-at": at }, said(at));
}

// All times of the page as moments, or as how long ago.
export function setAbsolute(on) {
  absolute = on;
  refreshTimes();
}

export function refreshTimes() {
  for (const element of document.querySelectorAll("time[data-at]")) {
    const told = said(Number(element.dataset.at));
    if (element.textContent !== told) element.textContent = told;
  }
}

// Draws once before the next picture, however often it is asked to.
export function soon(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

// -- small parts

// A name may be as long as it likes, and must not break the page.
export const name = (text) => h("span", { class: "name", title: text }, text);

export const badge = (text, tone = "") => h("span", { class: `badge ${tone}` }, text);

export const none = (text) => h("p", { class: "none" }, text);

// A code as people say it: of a call of gRPC its name beside its number.
const GRPC = ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
  "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"];
export const codeName = (code) => (code.startsWith("grpc:") ? `${code} ${GRPC[Number(code.slice(5))] ?? ""}` : code);
