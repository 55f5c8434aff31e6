"""Records and ticks to evidence: pure statistics behind one door. Upwards, as a record goes:

arrays       the arrays that statistics pass to each other
alike_join   legs of one batch that are alike, brought together by exchange
state        which attributes of a statistic outlive its process
row_sample   random samples of the rows of large bodies
counts/      exact counts and latency histograms, from ticks
sequential/  anytime-valid tests, without a word about models
drift/       rows of features to drift
agreement/   a shadow's answers beside the primary's
quality/     late labels to scores
evidence/    the lines of a scorecard, and what keeps them honest
comparison   everything about one candidate and its primary
diagnosis    did the world change, or the model?
snapshot     evidence as bytes, to outlive its process
totals       what is counted since the start, whatever is judged
watched      the routes that are watched, and what is known of each: evidence, findings, drift
board        the door: ticks, observations and labels in
"""
