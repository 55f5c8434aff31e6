"""Penumbra: a sidecar proxy that releases model versions safely.

The house (floors import only downwards; `tests/test_architecture.py` holds the table):

- floor 0: `contracts`: frozen values that all rooms share
- floor 1: `http1`, `routing`, `payload`, `stats`, `release`: pure rules, no sockets, no clock
- floor 2: `link`: frames between workers and control
- floor 3: `dataplane` (a worker), `control` (statistics, releases, admin API)
- floor 4: `config`, `supervisor`, `cli`, `memory` and `cgroup` (what the host allows): the only readers of files and
  environment; wiring
"""

__version__ = "0.2.0"
