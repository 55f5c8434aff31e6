// The dialog of a change: it says what the change will do, as the server works it out at this moment, and asks why.
// Until it is said, only a rollback can be sent: nothing may stand between a person and the brake.

import { $, h, seconds } from "./dom.js";
import { headers, refusal } from "./feed.js";

const AGAIN = 2000; // ms after which an open dialog asks again what the change would do
const PATIENCE = 4000; // ms that the server has to say it
const FORCE = 10000; // ms for which a change that was made is followed until it is in force
const LOOK = 250;

let pending = null;
let asked = 0;

// Opens the dialog. `change`: {action, route, title, what, spare, label, danger, versions, etag, body(why, version), made()}.
// `spare` is said only as long as the server has not said what the change does: the same twice helps nobody.
export function ask(change) {
  pending = { ...change, etag: change.danger ? null : change.etag };
  $("confirm-title").textContent = change.title;
  $("confirm-what").replaceChildren(...(change.what ?? []));
  $("confirm-spare").replaceChildren(...(change.spare ?? []));
  $("confirm-spare").hidden = false;
  $("confirm-why").value = "";
  $("confirm-error").textContent = "";
  $("confirm-yes").textContent = change.label;
  $("confirm-yes").className = change.danger ? "danger" : "";
  $("confirm-yes").disabled = !change.danger;
  $("confirm-effect").textContent = "What it does is being worked out.";
  $("confirm-effect").className = "effect";
  $("confirm-give").checked = false;
  $("confirm-bad").hidden = true;
  const versions = change.versions ?? [];
  $("confirm-choice").hidden = versions.length < 2;
  $("confirm-version").replaceChildren(...versions.map((version) => h("option", { value: version }, version)));
  $("confirm").showModal();
  $("confirm-why").focus();
  foretell();
}

const version = () => ($("confirm-choice").hidden ? null : $("confirm-version").value);

const body = (why) => ({ ...pending.body(why, version()), ...($("confirm-give").checked ? { give_traffic: true } : {}) });

async function get(path) {
  const controller = new AbortController();
  const late = setTimeout(() => controller.abort(), PATIENCE);
  try {
    const response = await fetch(path, { headers: headers(), signal: controller.signal, cache: "no-store" });
    return response.ok ? { document: await response.json() } : { refused: await refusal(response) };
  } catch {
    return { refused: { status: 0, text: "the admin API does not answer" } };
  } finally {
    clearTimeout(late);
  }
}

// Asks what the change would do, now and as long as the dialog is open; of several answers the last question's counts.
async function foretell() {
  const mine = (asked += 1);
  const change = pending;
  const query = new URLSearchParams({ action: change.action, body: JSON.stringify(body("")) });
  const { document: effect, refused } = await get(`v1/routes/${encodeURIComponent(change.route)}/effect?${query}`);
  if (mine !== asked || change !== pending || !$("confirm").open) return;
  if (effect) tell(effect);
  else cannotTell(refused);
  setTimeout(() => { if (mine === asked && $("confirm").open) foretell(); }, AGAIN);
}

function show(text, tone) {
  const place = $("confirm-effect");
  if (place.textContent !== text) place.textContent = text;
  place.className = `effect ${tone}`.trim();
}

function tell(effect) {
  $("confirm-spare").hidden = true;
  show(`${effect.sentence.charAt(0).toUpperCase()}${effect.sentence.slice(1)}.`, effect.gives_traffic ? "gives" : "");
  if (!pending.danger) pending.etag = effect.etag;
  $("confirm-yes").disabled = Boolean(pending.sending);
}

// A refusal is that of the change itself. Where nobody can say what it does, whoever acts decides.
function cannotTell({ status, text }) {
  const refused = status >= 400 && status < 500;
  $("confirm-spare").hidden = refused;
  show(refused ? text : `What it does cannot be said: ${text}.`, "error");
  $("confirm-bad").hidden = !(text.includes("give_traffic") || $("confirm-give").checked);
  $("confirm-yes").disabled = Boolean(pending.sending) || (refused && !pending.danger);
}

export function wireDialogs(done, unauthorized) {
  const why = $("confirm-why");
  const close = () => { asked += 1; $("confirm").close(); };
  $("confirm-no").addEventListener("click", close);
  why.addEventListener("input", () => why.setCustomValidity(""));
  for (const id of ["confirm-version", "confirm-give"]) {
    $(id).addEventListener("change", () => {
      $("confirm-yes").disabled = !pending.danger;
      foretell();
    });
  }
  $("confirm").querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!why.value.trim()) {
      why.setCustomValidity("Say why: somebody will want to know.");
      return why.reportValidity();
    }
    const change = pending;
    change.sending = $("confirm-yes").disabled = true;
    const { refused, document: made } = await send(change, body(why.value.trim()));
    change.sending = $("confirm-yes").disabled = false;
    if (refused) {
      $("confirm-error").textContent = refused.text;
      if (refused.status === 401) unauthorized();
      return undefined;
    }
    change.made?.();
    close();
    done(change.title);
    return follow(change, made?.in_force?.table ?? 0, done);
  });
}

// One change over HTTP, with the picture that its effect was said of.
async function send({ action, route, etag }, value) {
  const path = `v1/routes/${encodeURIComponent(route)}/${action}`;
  const method = action === "split" || action === "shadows" ? "PUT" : "POST";
  const more = { "Content-Type": "application/json", ...(etag ? { "If-Match": etag } : {}) };
  try {
    const response = await fetch(path, { method, headers: headers(more), body: JSON.stringify(value) });
    return response.ok ? { document: await response.json() } : { refused: await refusal(response) };
  } catch {
    return { refused: { status: 0,
      text: "The admin API cannot be reached. The change may or may not have been made: look at it." } };
  }
}

// Says where the change is in force, until it is everywhere.
async function follow(change, table, done) {
  const until = Date.now() + FORCE;
  for (;;) {
    const { document: route } = await get(`v1/routes/${encodeURIComponent(change.route)}`);
    const force = route?.in_force;
    if (force && force.table >= table) done(`${change.title}: ${inForce(force)}`);
    if (force?.everywhere || Date.now() > until) return;
    await new Promise((resume) => { setTimeout(resume, LOOK); });
  }
}

export function inForce({ workers, sidecars, everywhere, seconds: took }) {
  const parts = [`${workers[0]} of ${workers[1]} workers`, ...(sidecars ? [`${sidecars[0]} of ${sidecars[1]} sidecars`] : []),
    ...(took === null ? [] : [seconds(took)])];
  return `${everywhere ? "in force" : "not in force everywhere yet:"} on ${parts.join(", ")}`;
}
