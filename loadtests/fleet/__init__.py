"""What a fleet costs, and how soon it finds a fault: `python -m loadtests.fleet COMMAND`.

- `members`: sidecars that report to a real Redis as real ones do, without their data planes
- `weigh`: CPU and memory of Redis and of a real judge beside so many of them
- `flip`: time from a change at the judge to the flip in the last of real sidecars
- `delay`: canary requests until the rollback: one proxy, the fleet's sum, one sidecar alone
- `hour`: what a judge holds over an hour of simulated looks
"""
