// Documents in, views out. The server sends what changed; the open view draws it, and the head says what is wrong anywhere.

import { $, badge, h, refreshTimes, setAbsolute, setClock, soon, when } from "./dom.js";
import { colourOf } from "./colours.js";
import { wireDialogs } from "./confirm.js";
import { Feed, setToken, token } from "./feed.js";
import { fleet } from "./fleet.js";
import { any, drifted, keep, newest } from "./held.js";
import { opened, start } from "./router.js";
import { timeline } from "./timeline.js";
import "./all_routes.js";
import "./route.js";
import "./over_time.js";
import "./story.js";

// The head is about all routes: with many of them it is drawn once for all that came, not once for each.
const head = soon(() => newest("/v1/routes") && overview(newest("/v1/routes")));

function overview(document) {
  const up = document.workers.filter((worker) => worker.up);
  const behind = up.filter((worker) => worker.revision !== document.revision);
  const facts = [
    badge(`${up.length} of ${document.workers.length} workers`, up.length === document.workers.length ? "good" : "bad"),
    badge(`table ${document.revision}${behind.length ? `, ${behind.length} behind` : ""}`, ""),
  ];
  if (up.some((worker) => !worker.leased)) facts.push(badge("a worker serves primaries only", "bad"));
  if (document.unsaved) facts.push(badge(`${document.unsaved} changes not stored yet`, "bad"));
  if (!document.configuration.in_force) facts.push(badge("configuration refused", "bad"));
  facts.push(...wrongs(document.routes));
  $("facts").replaceChildren(...facts.map((fact) => h("li", {}, fact)));
  $("notices").replaceChildren(...(document.configuration.in_force ? [] : [problems(document.configuration.problems)]));
}

const problems = (found) => h("div", { class: "notice bad", role: "alert" },
  h("b", {}, "The newest configuration is refused; the one before it is in force."),
  h("ul", {}, ...found.map((p) => h("li", {}, h("code", {}, p.path), ` is ${p.found}; allowed: ${p.allowed}`))));

// What needs somebody, on all routes together: the head tells it whatever view is open.
function wrongs(routes) {
  const features = routes.reduce((sum, route) => sum + drifted(newest(`/v1/routes/${route.route}/drift`)), 0);
  const told = [[routes.filter((route) => route.phase === "rolled_back").length, "rolled back", "bad"],
    [features, features === 1 ? "feature drifted" : "features drifted", "bad"],
    [routes.reduce((sum, route) => sum + route.warnings.length, 0), "warnings", "open"]];
  return told.filter(([n]) => n).map(([n, what, tone]) => badge(`${tone === "open" ? "⚠ " : "✕ "}${n} ${
    n === 1 ? what.replace(/warnings$/, "warning") : what}`, tone));
}

function take(message) {
  const { at, path, document } = message;
  if (at) setClock(at);
  keep(message);
  if (path === "/v1/fleet") fleet(document);
  else if (path === "/v1/routes" || path.endsWith("/drift")) head();
  else if (document !== null && path.startsWith("/v1/audit")) timeline($("changes"), document, colourOf);
  opened()?.take?.(message);
}

let lost = 0;

function stands(state, text) {
  const feed = $("feed");
  if (feed.dataset.state !== state || feed.dataset.text !== text) {
    Object.assign(feed.dataset, { state, text });
    feed.replaceChildren(...(state === "live" ? [text] : [text, lost ? h("span", {}, " · as of ", when(lost)) : ""]));
    document.body.classList.toggle("stale", state !== "live" && any());
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
const exact = () => $("times").getAttribute("aria-pressed") === "true";
$("times").addEventListener("click", () => {
  const on = !exact();
  $("times").setAttribute("aria-pressed", on);
  setAbsolute(on);
});
addEventListener("beforeprint", () => setAbsolute(true)); // how long ago says nothing on paper
addEventListener("afterprint", () => setAbsolute(exact()));
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("view").focus();
});
start();
feed.start();
