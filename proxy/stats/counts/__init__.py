"""Exact counts from ticks, in which every leg is, and counts of what the analysed bodies say.

asked_nothing   copies that are empty because their request asks nothing
content         answers whose body says that they failed, by arm
counters        counts and latency histograms by arm, and what was lost
latency_window  the histograms of the last minutes
"""
