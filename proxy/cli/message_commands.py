"""`penumbra message`: the destinations of messages."""

from __future__ import annotations

import socket
import sys
from asyncio import run
from json import dumps
from time import time  # noqa: TID251  a message says when it was sent
from typing import Annotated

import typer

from proxy.cli.arguments import AsJson, Config, checked
from proxy.cli.exit_codes import EXIT_NO

message = typer.Typer(help="Where messages go.", no_args_is_help=True)


@message.callback()
def options() -> None:
    """Where messages go."""


@message.command("test")
def try_out(
    config: Config,
    to: Annotated[list[str] | None, typer.Option(help="this destination alone; may be given again")] = None,
    as_json: AsJson = False,
) -> None:
    """Sends a test message to each destination of CONFIG, once, and says what each answered."""
    from proxy.control.messages.trial import name_of, tried

    settings = checked(config, as_json, packages=False)
    named = [(name_of(hook, index), hook) for index, hook in enumerate(settings.notify)]
    if unknown := sorted({*(to or ())} - {name for name, _ in named}):
        raise typer.BadParameter(f"there is no {unknown[0]}: {', '.join(name for name, _ in named)}", param_hint="--to")
    wanted = [pair for pair in named if not to or pair[0] in to]
    if not wanted:
        print("no destination is configured: see `notify`", file=sys.stderr)
        raise typer.Exit(EXIT_NO)
    found = run(tried(wanted, settings.admin.public_url, socket.gethostname(), time()))
    if as_json:
        print(dumps([{key: getattr(each, key) for key in each.__struct_fields__} for each in found]))
    else:
        for each in found:
            print(
                f"{each.name} ({each.format}, {each.url}): {'ok' if each.delivered else 'not delivered'}, {each.said}"
            )
    if not all(each.delivered for each in found):
        raise typer.Exit(EXIT_NO)
