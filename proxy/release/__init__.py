"""From evidence to the table, as pure functions. Nothing here draws a number, reads a clock or touches a socket.

- `scorecard`: evidence → verdicts, one for each limit, and one for all
- `machine`: which event leads from which phase to which
- `moves`: what each event makes of a route's live state
- `plan`: settings and live states → the routing table; what a reload keeps
- `decide`: a verdict → what to do about it
- `afterwards`: the guard of a promoted version
- `audit`: the hash chain of everything that was done
- `history`: the story of one release, from the audit
"""
