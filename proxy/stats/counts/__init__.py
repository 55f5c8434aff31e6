"""Exact counts from ticks: every leg is in them.

counters        counts and latency histograms by arm, and what was lost
latency_window  the histograms of the last minutes
"""
