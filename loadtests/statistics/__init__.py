"""Long forms of the simulations that the tests of `proxy/stats` have short forms of: false alarms and delays, seeded.

- `errors`: who owns the bad events: healthy runs flagged, requests until rollback, beside thresholds and a z-test
- `latency`: rank betting: healthy canaries, slower ones, slower tails
- `wander`: backends that wander by themselves: flagged, and what tempering costs
- `drift`: thirty features, a million records without drift; records until a change is found, beside ADWIN, KSWIN and KS

Each prints a table in Markdown: `python -m loadtests.statistics.errors`.
"""
