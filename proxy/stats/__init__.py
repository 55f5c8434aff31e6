"""Records and ticks to evidence: pure statistics, one door (`board`).

- `board`: ticks and observations in, evidence and counts out; `snapshot`: evidence that outlives its process
- `counters`, `latency`: exact counts and histograms from ticks
- `case`: everything about one candidate; `errors`, `slowness`, `disagreement`, `contracted`, `grades`: its evidence
- `bad_events`: a rate against the primary and against a limit; `exposure`: figures of live requests apart from copies
- `terms`: how false alarms are shared by the limits of a scorecard
- `ownership`, `ranks`, `rate`, `means`: sequential tests; `betting` is their common core
- `dispersion`, `firsts`, `shares`: what keeps those tests honest
- `streams`: rows of a route; `batches` packs them, `layout` counts them, `drift` judges them, `scores` is ADWIN
- `profile`: the reference profile and the data contract; `learner` makes one of the primary's rows
- `comparing`: `pairing` brings legs of one request together, `agreement` compares them (`agreement_many`: batches of
  them), `examples` keeps the worst
- `grading`: `labels` come late and are joined, `arrivals` asks whether alike for all, `quality` says how good
  predictions were; `grades` holds a candidate against limits, and against its primary by `floors` and `differences`
- `world`: did the world change, or the model
"""
