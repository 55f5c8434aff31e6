"""The reference of the commands, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from docs.generate.markdown import code, joined, table
from proxy.cli import main

OPENING = """\
# Commands

<!-- made by `make docs` from the command line: edit proxy/cli/main.py, not this page -->

`penumbra COMMAND --help` says the same.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the answer is no: a file or change is refused, the chain is broken, the demo failed |
| 2 | wrong usage; of `replay`, `backtest` and `capture` also a file that cannot be used: no verdict |
| 3 | an address cannot be listened on, or the admin API, or a model server of `replay`, cannot be reached |
| 4 | the state file cannot be used at the first start |
| 5 | of `replay` and `backtest`: the evidence does not suffice for a verdict |
| 6 | a change is made, and was not in force everywhere in time |
"""


def page() -> str:
    """The whole page."""
    return joined(OPENING, *(_section(name, command) for name, command in leaves()))


def leaves() -> Iterator[tuple[str, Any]]:
    """(name, command) of every command that does something; the ones of a group after its name."""
    root: Any = typer.main.get_command(main.app)
    yield "", root
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        yield from ((f"{name} {key}", each) for key, each in inner.items()) if inner else [(name, command)]


def _section(name: str, command: Any) -> str:
    known = [param for param in command.params if not getattr(param, "hidden", False) and param.name != "help"]
    arguments = [param for param in known if param.param_type_name == "argument"]
    options = [param for param in known if param.param_type_name == "option"]
    usage = " ".join(filter(None, ("penumbra", name, *map(_metavar, arguments), "[OPTIONS]" if options else "")))
    rows = [(code(_metavar(each)), "", each.help or "") for each in arguments if each.help]
    rows += [(code(", ".join(each.opts)), _otherwise(each), each.help or "") for each in options]
    shown = table(("argument or option", "without it", "what it is for"), rows) if rows else ""
    return joined(f"## {code(usage)}", command.help if name else "", shown)


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _otherwise(option: Any) -> str:
    """What holds without an option: a variable of the environment, then its default."""
    if option.required:
        return "**required**"
    default = option.default() if callable(option.default) else option.default
    shown = "" if default in (None, "", False) or default == [] else code(str(default))
    return ", else ".join(filter(None, (code(option.envvar or ""), shown)))
