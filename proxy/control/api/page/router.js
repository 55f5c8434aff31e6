// Which view is open, by the part of the address after `#`: `#/`, `#/routes/NAME`, `#/routes/NAME/releases/ID`, and behind
// `?` the range of time and the cursor. A view registers itself with a pattern:
//
//   view("/routes/:route/releases/:id", (given) => ({ title, element, take?(message), moved?(), close?() }))
//
// `take` gets every document that the feed brings ({path, document, etag, at}), those that are held already at once;
// `moved` is called when range or cursor change; `close` when another view opens.

import { $ } from "./dom.js";
import { everything } from "./held.js";

const table = [];

export const view = (pattern, make) => table.push({ parts: pattern.split("/"), make });

export function read(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  return { path: path || "/", query: new URLSearchParams(query) };
}

// The parameters of a path, or null when the pattern is another one.
export function match(parts, path) {
  const given = path.split("/");
  if (given.length !== parts.length) return null;
  const found = {};
  for (const [at, part] of parts.entries()) {
    if (!part.startsWith(":")) {
      if (part !== given[at]) return null;
      continue;
    }
    try {
      found[part.slice(1)] = decodeURIComponent(given[at]);
    } catch {
      return null;
    }
  }
  return found;
}

// A link to a view, with what of the range is in force: whoever follows it stays at the same moment.
export function link(...parts) {
  const kept = read(location.hash).query.toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${kept ? `?${kept}` : ""}`;
}

let open = null;
let now = "";

export const opened = () => open;

function show() {
  const { path } = read(location.hash);
  if (path === now && open) return open.moved?.();
  open?.close?.();
  now = path;
  const [row, given] = find(path);
  open = row.make(given);
  document.title = open.title ? `${open.title} · Penumbra` : "Penumbra";
  $("view").replaceChildren(open.element);
  everything((message) => open.take?.(message));
  scrollTo(0, 0);
}

function find(path) {
  for (const row of table) {
    const given = match(row.parts, path);
    if (given) return [row, given];
  }
  return [table.find((row) => row.parts.join("/") === "/"), {}];
}

// Changes the query of the address: null takes a name away. A range makes a step back possible, a cursor does not.
export function put(changes, step = false) {
  const { path, query } = read(location.hash);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) query.delete(name);
    else query.set(name, value);
  }
  const hash = `#${path}${query.size ? `?${query}` : ""}`;
  if (hash !== location.hash) history[step ? "pushState" : "replaceState"](null, "", hash);
  if (step) open?.moved?.();
}

export function start() {
  addEventListener("hashchange", show);
  addEventListener("popstate", show);
  show();
}
