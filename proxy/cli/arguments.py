"""Arguments and options that several commands take, and the configuration that one names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxy.cli.exit_codes import EXIT_NO

if TYPE_CHECKING:
    from proxy.contracts.settings import Settings

Config = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="configuration file (YAML); `-`, but for `run`: stdin", readable=False),
]
"""Whether it can be read is seen by reading it: access(2) asks for another user than who runs this, and knows no
capabilities."""

RouteArg = Annotated[str, typer.Argument(metavar="ROUTE")]
NameArg = Annotated[str, typer.Argument(metavar="NAME")]
Shares = Annotated[list[str], typer.Argument(metavar="VERSION=PERCENT...")]
Reason = Annotated[str, typer.Option("--reason", help="why; it is kept in the audit")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines")]


def checked(config: Path, as_json: bool = False, *, packages: bool = True, code: int = EXIT_NO) -> Settings:
    """The settings in a file. Ends the command with `code` for one with mistakes, and says them all. `packages`: as of
    `load`."""
    from proxy.config.load import load
    from proxy.contracts.settings import ConfigError

    try:
        return load(config, packages=packages)
    except ConfigError as error:
        from proxy.cli.render import show_problems

        show_problems(str(config), error.problems, as_json)
        raise typer.Exit(code) from None
