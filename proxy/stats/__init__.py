"""Records and ticks to evidence: pure statistics, one door (`board`).

- `board`: ticks and observations in, evidence and counts out
- `counters`, `latency`: exact counts and histograms from ticks
- `errors`, `disagreement`: evidence of one candidate, by metric
- `ownership`, `rate`: sequential tests; `betting` is their common core
- `dispersion`, `firsts`, `shares`: what keeps those tests honest
- `agreement`: legs of one request brought together and compared
"""
