"""What control keeps of time: every second of the last hour, every minute of the last days, of each route.

steps      one step of one route: exact counts, histograms of latencies, gauges; `fold` joins steps
tiers      lengths of steps that are kept, and the step that an answer has
gather     ticks → the counts of the second under way
gauges     engine and board → split, scorecard, drift, and the counts that come with records
shelf      blocks of steps in memory, bounded
archive    blocks of steps on disk, bounded, in a thread (`control.disk_thread`)
keeping    seconds → blocks → minutes → ten minutes, and where the steps of an answer are
past       the door: the history and its file
series     steps → the series of an answer
marks      the audit chain → the changes to mark
"""
