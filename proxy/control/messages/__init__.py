"""Messages to people and to what wakes them.

message      one message, whoever reads it
kept         what outlives a process of what was told, and what waits
matters      what lasts, and what is told of it when: one message for one matter
changes      a change of the audit as a message
retries      when an attempt is made again
secrets      values that stand in files, and URLs without their secrets
formats      a message as each receiver reads it
attempt      one call of a destination
destination  one destination's queue and task
trial        a message to each destination by hand
"""
