"""`penumbra run`: the process of the command line becomes the supervisor.

It imports nothing of the other commands: this process stays for months, and whoever starts it waits for it.
"""

from __future__ import annotations

from pathlib import Path

from proxy import logs
from proxy.cli.exit_codes import EXIT_NO
from proxy.config.load import load
from proxy.contracts.settings import ConfigError
from proxy.starting import run


def serve(config: Path) -> int:
    """Serves until SIGTERM, which drains; returns the exit code. Mistakes in the configuration are told to a person."""
    try:
        settings = load(config, serving=True)
    except ConfigError as error:
        from proxy.cli.render import show_problems

        show_problems(str(config), error.problems, as_json=False)
        return EXIT_NO
    logs.configure("supervisor")
    return run(settings, str(config))
