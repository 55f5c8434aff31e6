"""The evidence of one candidate against its primary: one file a kind of scorecard line, and what keeps them honest.

outcome_rate      legs that failed, were refused or abandoned
invalid_rate      answers of a successful status that are none
latency           slow requests
disagreement      copies whose answers differ
data              violations of the data contract, and drift
quality           scores of labelled predictions

bad_event_rate    a rate of bad events against the primary's and against a limit
alpha             how the limits of a scorecard share the probability of a false alarm
assignment_share  the candidate's part of the requests when they were assigned
sticky_dedup      one failure a sticky key
shown_counts      the counts that are shown: live requests apart from copies
warm_up           the first requests, whose latency is not judged
"""
