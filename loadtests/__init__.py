"""Penumbra beside what users would pick instead: cost per request, latency, memory, on one machine in one run.

Commands (`python -m loadtests.NAME`):

- `bench`: everything (`make bench`); `mirror`: the cases to watch with every change
- `versus`: two builds of Penumbra side by side, before and after a change
- `hotpath`: a profile of the busy proxy; `analysis`: the cost of analysing one exchange; `replaying`: of a replay
- `history_cost`: what the history costs control
- `soak`: memory flat, descriptors flat, counters exact; `statistics`: false alarms and delays, simulated
- `figures`: the figures of docs/cost.md from a run's JSON; `pytest loadtests/micro`: single functions

What they are made of:

- `results`: plain values, saved as JSON; `report`, `goals`, `charts`: tables, goals, pictures of them
- `history`: ratios by commit, and what has become slower; `pace`: how fast the machine is at the moment
- `cases`, `shadows`, `streaming`, `starts`, `growth`: what is measured; `busy`: main cases beside a process that spins
- `compare`: interleaved repetitions, ratios; `counted`: what the proxy counted itself
- `proxies`: the peers, each with its configuration in `peers/`; `naive`: the one written by hand
- `upstreams`, `misbehaving`: model servers that cost nothing, and ones that fail; `traffic`: bodies and answers
- `calls`, `talk`: gRPC by h2load and nghttpd, and by a client and a server of our own
- `load`, `exact`: wrk, and a client that sends exactly n requests; `turns`: one at a time, over many connections;
  `events`: a server and a client of server-sent events; `processes`: process trees, weighed from /proc

Figures are ratios between peers of one run; times of different machines or days do not compare.
"""
