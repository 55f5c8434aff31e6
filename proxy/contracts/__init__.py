"""Frozen values that all rooms share. No behaviour beyond what follows from the values.

- `settings`: what a configuration file says, after validation; `comparers`: what it says of how answers are compared
- `operation`: of these, what is about the admin API, webhooks and captures; `tls`, `tls_roles`: the sections of TLS
- `message`: heads of requests and answers, whatever protocol carries them
- `table`: the versioned routing table that workers follow
- `metrics`, `strategies`: one row for each metric of a scorecard and each strategy of a release
- `outcome`: how a leg ended, and what that is charged to; `stream_end`: the end that a stream itself shows
- `record`: what workers report: ticks (exact counters) and records (facts of a finished leg)
- `json_cost`: what JSON costs to read, before it is read
- `durations`: lengths of time for people
- `bounds`: how much of a text that a stranger chose is kept or shown
- `observation`: a leg as analysed: its facts, and what was read in its bodies
- `alike`: legs of a batch that are alike but for their numbers
- `leg_join`: the join of the legs of one exchange, with its bounds
- `histogram`: the log buckets that latencies are counted in
- `evidence`: numbers computed from ticks and records, with n and what was lost
- `release`: phases, verdicts and the live state of a route; `group`: the routes of one release
- `replay`: the report of captured requests that a candidate answered
- `failure`: what can go wrong, by source, and the status that the client gets
- `worker_args`: what the supervisor tells a worker; `memory`: how the memory is divided between processes
- `build`: compiled or interpreted; `compiler`: what the compiler has to know of a class
"""
