"""Anytime-valid tests: a decision may be taken at every look, and errors stay below what was promised.

e_process       the core of all of them: e-processes on a grid of alternatives
rate_ratio      two event rates: conditional binomial (Poisson rate-ratio) test
rate_difference two event rates: their difference against a margin, by inverse-probability weighting
rate_limit      one event rate against a limit: Bernoulli mean
mean_limit      the mean of a bounded quantity against a limit
rank_test       two distributions by ranks: stochastic order
overdispersion  how much more counts vary than independent events would
"""
