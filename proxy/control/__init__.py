"""Control: statistics, releases, admin API and metrics, in one process beside the workers.

process           sockets, signals and clocks around all of it
route_control     one route: section, live state, status
release_control   one release: its routes, one or several, judged as one
acts              what the scorecard decides, as changes of live states
changes           entries of the audit about a release
engine            the single writer of live states: ticks in, tables out, commands and reloads between
judgement         verdicts on a route, and on the baseline beside its candidates
lineage           where the versions of a route come from, for the audit
intake            observations to the board, and how many of them control can take
promised_answers  answers held to the JSON Schema that their request gives
spoken_protocols  which protocol a route speaks, from its first requests
disk_thread       where files are used: a disk that hangs holds nobody for long
loop_lag          how late the event loop is
state/            what survives a restart
api/              the admin API and the status page
telemetry/        metrics, access log, spans
capture/          records on disk, and the decision code run on them again
replay/           a candidate that nobody uses yet, judged by captured requests
messages/         what people are told, and how each receiver reads it
notify            the door to messages
profiles          reference profiles from files
standstill        why a stage does not end
warnings          configuration that is in force and has no effect
primary_figures   what the primary has shown, asked before a promote
failed_requests   ids of requests that went wrong
"""
