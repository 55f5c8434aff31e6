"""A candidate that nobody uses yet, judged by captured requests: the decisions, without sockets and clocks.

trial    the configuration of one route, cut down to one candidate that gets a copy of each request
asking   which captured requests can be sent, and what they are as legs beside the answers that came
survey   which exchanges go first, at even distances over a large capture
judge    answers in the order of the capture → the statistics and the scorecard of production → a decision
findings what a report says beside the verdict: outcomes, agreement, drift, distributions
"""
