"""A worker: carries traffic. Small: no numpy, no aiohttp.

A request's life, file by file:

- `h1`         bytes from a client become an exchange; bytes from a model server become an answer
- `fronts`     the listeners: who speaks with the clients of each; `secured`: TLS between a socket and `h1`
- `ports`      the seam: what a leg and a pool need of whoever speaks a protocol; `client_ports`: what an exchange does
- `exchange`   one request and its answer: the request's body, and the rescue; `request`: what its legs share
- `states`     the states of an exchange and of an attempt, as tables
- `assign`     chooses its version and its shadows, as routing says
- `attempt`    what every leg does: get a stream, send again after a stale connection, count, record
- `tail`       the last bytes of a stream, which may show its end
- `leg`        an attempt that writes the request and passes the answer back
- `shadow`     a copy, sent once the request is complete; it owes and costs the client's leg nothing
- `pool`       finds or makes the connection to the model server; `availability`: which one serves next; `serving`: how
               its users are told; `local_fault`: whose fault it is that there is none
- `name`       what is known of a version's name; `names`: all of them, looked up apart from each other by `resolver`
- `endpoints`  the addresses of a version and their order; `race`: which of them takes a connection first; `reach`:
               whether any does
- `unexpected` what an exception that nothing foresaw ends, and what not
- `uploads`    the connections of a version that requests may have which are still coming
- `memory`     the budget that everything which waits or is kept draws on, and the order in which it is shed
- `descriptors` the budgets of open files; `stall`: a loop that stands still, which is nobody's fault;
  `patience`: deadlines that do not count it
- `tally`      exact counters, per arm; `times`: how long legs took; `malformed`: what was wrong with messages;
  `recorder`: the records
- `live`       the table in force, compiled
- `shared`     what the connections of a worker have in common; `timings`: the times that it keeps
- `worker`     the process: link, accept, drain, sweep of deadlines

Compiled by mypyc: no class keywords, no Structs, no NamedTuple; a second base class is a trait (`contracts.compiler`).
"""
