"""Control: statistics, releases, admin API and metrics, in one process beside the workers.

- `board`: what control asks statistics before a promote
- `engine`: the single writer of live states: ticks in, tables out, commands and reloads between
- `ledger`: what must be on disk, and what is not yet; `memory`: evidence and counts that a restart takes up
- `store`: live states and the audit chain in SQLite
- `intake`: link messages → payload → board, and how many bodies control can take
- `notify`: webhooks
- `captured`, `capture`, `rehearsal`: records kept on disk, and the decision code run on them again
- `journal`: what is told of single exchanges: `exchanges` puts legs together, `access_log` writes lines, `tracing` and
  `spans` send spans to a collector, `trace_context` reads whose trace it is, `throttle` bounds all that
- `culprits`: ids of requests that went wrong
- `profiles`: reference profiles from files; `warnings`: what is configured and does not happen
- `metrics`: what Prometheus reads
- `endpoints`, `api`, `bodies`, `problems`, `access`, `openapi`, `views`: the admin API: what there is, does, takes,
  refuses, allows, says of itself, and shows
- `process`: sockets, signals and clocks around all of it
"""
