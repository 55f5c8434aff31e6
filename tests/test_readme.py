"""What the README, docs/running.md, docs/reliability.md and docs/everything.yaml say is true: configurations load,
commands, calls and targets exist. `tests/e2e/test_readme.py` carries the README's example out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
import yaml
from msgspec.structs import asdict, replace

from docs.generate.configuration import is_told
from proxy.cli import main
from proxy.config.load import parse
from proxy.config.reload import FIXED
from proxy.contracts.failure import FAILURES
from proxy.contracts.release import Phase
from proxy.contracts.settings import MINOR, ConfigError
from proxy.release.phases import follow

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
RUNNING = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")

PLAIN = "listen: h:1\nversions: {a: {url: http://h}}\nroutes: {r: {match: {path: /}, protocol: json, primary: a}}"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
EVERYTHING = (ROOT / "docs" / "everything.yaml").read_text(encoding="utf-8")


def test_the_configuration_loads() -> None:
    (route,) = parse(BLOCKS[0], {}).routes
    assert (route.name, route.protocol, route.primary) == ("loans", "json", "v1")
    assert (route.analysis.features, route.analysis.prediction) == ("/features", "/prediction")
    assert set(route.guard.scorecard) == {"error_rate", "accuracy", "auroc", *MINOR}


def test_the_release_takes_the_place_of_canary_and_scorecard() -> None:
    """The second block is a part of a route, indented as it stands there."""
    kept = [line for line in BLOCKS[0].splitlines() if not re.match(r" +(canary|scorecard):", line)]
    (route,) = parse("\n".join([*kept, BLOCKS[1]]), {}).routes
    assert route.release is not None
    assert [stage.requests for stage in route.release.stages] == [500, 500, 2000]


def test_the_first_calls_are_possible_in_their_order() -> None:
    """Somebody pastes them one after the other."""
    calls = re.findall(r"penumbra (split|pause|resume|promote|rollback) loans", TEXT)
    phase: Phase = "steady"
    for call in calls:
        phase = follow(phase, call)
    assert (len(calls), phase) == (5, "rolled_back")


def test_the_default_scorecard_is_as_told() -> None:
    default = re.search(r"# Without the next line: (\{.+\}), false_alarm (\S+), on_breach (\w+)\.", BLOCKS[0])
    assert default
    guard = parse(PLAIN, {}).routes[0].guard
    beside = re.search(r"# named or off: (\{.+\})", BLOCKS[0])
    assert beside
    limits = {
        name: {key: value for key, value in asdict(limit).items() if value is not None}
        for name, limit in guard.scorecard.items()
    }
    assert yaml.safe_load(default[1]) | yaml.safe_load(beside[1]) == limits
    assert (float(default[2]), default[3]) == (guard.false_alarm, guard.on_breach)


def test_the_reference_loads() -> None:
    assert len(parse(EVERYTHING, {}).routes) > 5


def test_the_reference_shows_the_defaults() -> None:
    shown, usual = parse(EVERYTHING, {}), parse(PLAIN, {})
    assert (shown.workers, shown.state, shown.lease, shown.drain) == (1, usual.state, usual.lease, usual.drain)
    assert (shown.connections, shown.admin.listen) == (usual.connections, usual.admin.listen)
    route, other = shown.routes[0], usual.routes[0]
    assert (route.limits, route.guard) == (other.limits, other.guard)
    assert replace(route.timeouts, total=None) == other.timeouts
    learnt = replace(other.analysis, features="/instances", prediction="/predictions")
    chosen = replace(
        route.analysis, detectors=(), redact=(), outputs={}, ignore=(), absolute_tolerance=None, judge=None
    )
    assert chosen == learnt


def kind(path: str) -> str:
    """A path with the names that the user chooses replaced: sections of one kind are documented together."""
    path = re.sub(r"^(routes|versions|releases)\.[^.]+", r"\1.*", re.sub(r"\[\d+\]", "[]", path))
    path = re.sub(r"^releases\.\*\.routes\.[^.]+", "releases.*.routes.*", path)
    path = re.sub(r"^releases\.\*(\.routes\.\*)?\.scorecard", "routes.*.scorecard", path)
    return re.sub(r"\.outputs\.[^.]+", ".outputs.*", path).replace(".release.scorecard", ".scorecard")


def sections(tree: object, path: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    """(path, mapping) of every mapping that may have only certain keys."""
    if isinstance(tree, list):
        for item in tree:
            yield from sections(item, f"{path}[0]")
    if isinstance(tree, dict):
        names = re.fullmatch(r"routes|versions|capture\.redact|releases(\.[^.]+\.routes)?", path)
        if not names and not path.endswith((".match.headers", ".set", ".json", ".split", ".arms", ".outputs")):
            yield path, tree
        for key, value in tree.items():
            yield from sections(value, f"{path}.{key}" if path else key)


def _uncommented() -> str:
    return re.sub(r"# (profile|file|tls|listeners|package|package_keys):", r"\1:", EVERYTHING)


def test_the_reference_has_every_key() -> None:
    """A key that nobody takes is put into every section; each answer says what may be there."""
    tree = yaml.safe_load(_uncommented().replace("${", "$${").replace(" on:", ' "on":'))
    found = list(sections(tree))
    told: dict[str, set[str]] = {}
    for path, section in found:
        told.setdefault(kind(path), set()).update(section)
    for _, section in found:
        section["unknown"] = ""
    with pytest.raises(ConfigError) as caught:
        parse(yaml.safe_dump(tree), {})
    answers = [problem for problem in caught.value.problems if problem.found == "an unknown key"]
    assert {kind(problem.path) for problem in answers} == {f"{name}.unknown".lstrip(".") for name in told}
    for problem in answers:
        where = kind(problem.path).removesuffix("unknown").removesuffix(".")
        if is_told(where):
            continue
        allowed = set(problem.allowed.partition(";")[0].split(", "))
        assert allowed <= told[where], f"{where}: not in docs/everything.yaml: {sorted(allowed - told[where])}"


def test_defaults_are_as_told() -> None:
    settings = parse(PLAIN, {})
    assert "`lease` (10 s)" in RUNNING
    assert "`drain` (30 s)" in RUNNING
    assert (settings.lease, settings.drain) == (10.0, 30.0)


def test_what_needs_a_restart_is_told() -> None:
    row = next(line for line in RUNNING.splitlines() if "need a restart" in line)
    told = set(re.findall(r"`([\w.]+)`", row.partition("Addresses")[2]))
    assert told == {key for key in FIXED if not key.endswith("listen")}


def test_commands_exist() -> None:
    told = set(re.findall(r"(?:^|; |`)penumbra ([a-z]+)", TEXT, re.MULTILINE))
    command = typer.main.get_command(main.app)
    assert told >= {"run", "check", "status", "split", "rollback", "promote", "pause", "resume", "audit"}
    assert told <= set(getattr(command, "commands"))  # noqa: B009


def test_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z]+)\b(?=[ `\n])", re.sub(r"make and Python", "", TEXT))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_calls_exist() -> None:
    from proxy.control.api.endpoints import ENDPOINTS

    paths = {re.sub(r"\{\w+\}", "loans", endpoint.path) for endpoint in ENDPOINTS}
    told = set(re.findall(r"localhost:9900(/[^\s`]*)", TEXT))
    assert told
    assert told <= paths


def test_the_reasons_of_the_reliability_table_exist() -> None:
    drops = {"inflight", "body_too_large", "memory", "ejected", "client_abort"}
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", RELIABILITY))
    reasons = {name for name in named if not name.startswith("penumbra_")}
    assert len(reasons) >= 15
    assert reasons <= set(FAILURES) | drops
