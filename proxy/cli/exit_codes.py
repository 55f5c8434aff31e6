"""Exit codes of the commands that are not those of a process (`proxy/supervisor.py`) or of typer (2: wrong usage)."""

EXIT_NO = 1
"""The answer is no: a configuration or a change is refused, a chain is broken, the demo failed."""

EXIT_USAGE = 2
"""Of a command whose 1 is a verdict: it cannot be carried out as it was given (options, configuration, files)."""

EXIT_UNREACHABLE = 3
"""The admin API, or a model server, cannot be reached."""

EXIT_NOT_IN_FORCE = 6
"""A change is made, and was not in force everywhere in the time that the command waited."""

EXIT_UNDECIDED = 5
"""The evidence does not suffice for a verdict."""
