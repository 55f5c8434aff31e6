"""The status page at `/` of the admin API: static files, no framework, no request to anywhere else.

- `static.py`: serves the files under a strict policy
- `runbook.html`: what each kind of warning means, and what to do about it
- `index.html`, `page.css`, `icon.svg`: what there is and how it looks, light and dark, from 360 px up
- `page.js`: documents in, the open view draws them; `held.js`: the newest of each document
- `router.js`: which view is open, by the address; views: `all_routes.js`, `route.js` (`section` adds to it)
- `route_parts.js`, `sections.js`, `timeline.js`, `fleet.js`: what each part looks like
- `over_time.js`: a route's plots on one axis of time, with a cursor; `panels.js`: which there are; `plot.js`: lines,
  areas; `span.js`: the range that the address names; `cursor.js`: pointer and keys; `past.js`: asks for the history;
  `sparks.js`: the last hour of all routes, for the tiles
- `dom.js`: elements, figures and times as text; `colours.js`: those of versions; `charts.js`: bars and distributions
- `feed.js`: the stream of `/v1/events` with its token; `controls.js`: changes, each with a confirmation and a reason
"""
