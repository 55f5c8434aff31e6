"""What the README says is true: its configuration loads, its commands and targets exist."""

from __future__ import annotations

import re
from pathlib import Path

import typer.main

from proxy import cli
from proxy.config import parse
from proxy.contracts.table import Rescue

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_configuration_loads() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    settings = parse(block, {})
    assert [route.name for route in settings.routes] == ["cancer", "cancer-next"]
    assert settings.routes[0].rescue == Rescue(2.0)
    assert settings.routes[1].release is not None


def test_defaults_are_as_told() -> None:
    settings = parse(
        "listen: h:1\nversions: {a: {url: http://h}}\nroutes: {r: {match: {path: /}, protocol: json, primary: a}}", {}
    )
    assert "`lease` (10 s)" in TEXT
    assert "`drain` (30 s)" in TEXT
    assert (settings.lease, settings.drain) == (10.0, 30.0)
    assert "error rate at most 1.5\ntimes" in TEXT
    assert "`false_alarm` 0.001, rollback" in TEXT
    guard = settings.routes[0].guard
    assert (guard.scorecard["error_rate"].max_ratio, guard.false_alarm, guard.on_breach) == (1.5, 0.001, "rollback")


def test_commands_exist() -> None:
    told = set(re.findall(r"(?:^|; |`)penumbra ([a-z]+)", TEXT.partition("## What is not there yet")[0], re.MULTILINE))
    command = typer.main.get_command(cli.app)
    assert told >= {"run", "check", "status", "split", "rollback", "promote", "pause", "resume", "audit"}
    assert told <= set(getattr(command, "commands"))  # noqa: B009


def test_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z]+)\b(?=[ `\n])", re.sub(r"and make;", "", TEXT))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_calls_exist() -> None:
    from proxy.control.api import ENDPOINTS

    paths = {re.sub(r"\{\w+\}", "cancer", endpoint.path) for endpoint in ENDPOINTS}
    told = set(re.findall(r"localhost:9900(/\S+)", TEXT))
    assert told
    assert told <= paths
