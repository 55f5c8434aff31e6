"""File and environment to `contracts.settings`: the only reader of both. All mistakes are reported at once.

load      the door: a path or a text becomes Settings, or a ConfigError that names every mistake
tree      YAML with the position of each value; environment variables
section   one mapping of the file: its keys, their mistakes, and keys that no reader took
values    one value: durations, sizes, percents, URLs, names
release   `release`, `scorecard` and what a guard is made of
releases  `releases`: one release over several routes
admin     `admin`, `capture`, `access_log`, `tracing`
notify    `notify`: destinations of messages
analysis  `analysis` of a route
calls     routes of gRPC: what follows for their versions, and what cannot be on them
versions  `versions`: where each is served, what it is there, where it comes from, what it costs
rewrite   `rewrite` and `authorization` of a version
wording   what is in force, as a file writes it
written   files that the program writes, each of which has to be one of its own
hints     what is valid and seldom meant
own_address  whether a URL leads to this program itself
reload    a file that changes: the last good settings, and what needs a restart
schema/   what the reader takes, as a JSON Schema and as the reference of all options
"""
