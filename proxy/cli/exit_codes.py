"""Exit codes of the commands that are not those of a process (`proxy/supervisor.py`) or of typer (2: wrong usage)."""

EXIT_NO = 1
"""The answer is no: a configuration or a change is refused, a chain is broken, the demo failed."""

EXIT_UNREACHABLE = 3
"""The admin API cannot be reached."""
