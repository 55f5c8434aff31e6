"""Long forms of the simulations that the tests of `proxy/stats` have short forms of: false alarms and delays, seeded.

- `errors`: the rate-ratio test of bad events: healthy runs flagged, requests until rollback, beside common rules
- `latency`: the rank test: healthy canaries, slower ones, slower tails
- `wander`: backends that fluctuate by themselves: flagged, and the delay that dividing by overdispersion costs
- `drift`: thirty features, a million records without drift; records until a change is found, beside ADWIN, KSWIN and KS
- `winners`: A/B tests: winners that are none, and labels until an arm is proved better

Each prints a table in Markdown: `python -m loadtests.statistics.errors`.
"""
