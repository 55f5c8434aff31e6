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
