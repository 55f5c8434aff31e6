"""From evidence to the table, as pure functions. Nothing here draws a number, reads a clock or touches a socket.

limits          the limits of a scorecard as values
sentences       what a verdict says
scorecard       evidence → verdicts, one for each limit, and one for all
validation      the rules of a release, for whoever reads one
decide          verdicts → the action to take
phases          the table of phases and events
transitions     an event and a route's live state → the next live state
together        the live states of one release over several routes, as one
baseline        the arm that candidates are compared with in place of the primary
plan            settings and live states → the routing table; what a reload keeps
post_promotion  the guard of a promoted version
audit           the hash chain of every change
history         the story of one release, read from the audit
first_line      what happened in one breath
chapters        a story in documents: in a few words, its stages, its changes, what its versions differ in
telling         what happened, in sentences
words           a verdict in words that stand alone
"""
