"""The status page at `/` of the admin API: static files, no framework, no request to anywhere else.

- `static.py`: serves the files under a strict policy
- `index.html`, `page.css`, `icon.svg`: what there is and how it looks, light and dark, from 400 px up
- `page.js`: documents in, sections out; `sections.js`, `timeline.js`: what each looks like
- `dom.js`: elements and figures as text; `charts.js`: bars and distributions
- `feed.js`: the stream of `/v1/events` with its token; `controls.js`: changes, each with a confirmation and a reason
"""
