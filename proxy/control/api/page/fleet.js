// The fleet that this sidecar is in: who is there, who judges, who is behind. Made of the document of /v1/fleet.

import { $, badge, count, h, name, none, seconds } from "./dom.js";

const MOST = 50; // rows: those that something is wrong with come first
const SILENT = 4; // seconds without a report that are worth a word: in a large fleet news of it takes three

const wrong = (member) => member.late || member.differs.length > 0;

function stands(member) {
  const told = [];
  if (member.late) told.push(badge(member.behind === null ? "another term" : `${count(member.behind)} looks behind`, "open"));
  if (member.differs.length) told.push(badge(`differs: ${member.differs.join(", ")}`, "open"));
  return told.length ? told : [badge("follows", "good")];
}

function row(member, document) {
  const roles = [member.instance === document.judge ? "judge" : "", member.instance === document.instance ? "here" : ""];
  return h("li", {}, h("p", {}, name(member.instance), h("span", { class: "role" }, roles.filter(Boolean).join(", "))),
    h("p", { class: "badges" }, ...stands(member)),
    ...(member.report_seconds_ago < SILENT ? [] : [none(`no report for ${seconds(member.report_seconds_ago)}`)]));
}

function state(document) {
  if (document.apart) return badge("apart: primaries only", "bad");
  if (document.lost) return badge("apart: holds its split", "bad");
  if (!document.judge) return badge("no judge", "bad");
  const known = document.members.length;
  return badge(`${count(known)} ${known === 1 ? "sidecar" : "sidecars"}`, "good");
}

export function fleet(document) {
  const place = $("fleet");
  place.hidden = document === null;
  if (document === null) return;
  const heard = document.heard_seconds_ago === null ? "the store never answered"
    : `the store answered ${seconds(document.heard_seconds_ago)} ago`;
  const facts = document.judge ? `judge ${document.judge}, term ${count(document.term)} · ${heard}` : heard;
  const sorted = [...document.members].sort((a, b) => wrong(b) - wrong(a));
  const rest = sorted.length - MOST;
  place.replaceChildren(h("h2", { id: "fleet-title" }, `Fleet ${document.fleet}`), state(document),
    h("p", { class: "about" }, facts),
    ...(document.fault ? [h("p", { class: "error", role: "alert" }, document.fault)] : []),
    sorted.length ? h("ul", { class: "members" }, ...sorted.slice(0, MOST).map((member) => row(member, document)))
      : none("no table of a judge yet"),
    ...(rest > 0 ? [none(`and ${count(rest)} more`)] : []));
}
