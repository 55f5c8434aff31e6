"""What a fleet costs, and how soon it finds a fault: `python -m loadtests.fleet`.

- `members`: sidecars that report to a real Redis as real ones do, without their data planes
- `weigh`: CPU and memory of Redis and of a real judge beside so many of them
- `delay`: canary requests until the rollback: one proxy, the fleet's sum, one sidecar alone
"""
