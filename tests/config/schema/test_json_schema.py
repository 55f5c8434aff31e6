"""The schema and the reader agree about any file: what the reader takes is valid, and what is valid the reader refuses
only for reasons that a schema cannot know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from typer.testing import CliRunner

from proxy.cli import main
from proxy.config import values
from proxy.config.load import parse
from proxy.config.schema.json_schema import describe
from proxy.config.schema.recorder import Items, Names, Node, Value, shape, walk
from proxy.config.schema.scalars import SCALARS, allowed, scalar
from proxy.contracts.settings import ConfigError
from tests.support.yaml12 import dump, load

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = jsonschema.Draft202012Validator(describe())
TEXT = (ROOT / "docs" / "everything.yaml").read_text(encoding="utf-8")
EVERYTHING: dict[str, Any] = load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", TEXT))
"""Everything that a file may say, variables replaced: what they will hold no schema knows."""

BEYOND = re.compile(
    r"a version of this file|another version than|another address than|each version once|at most 100 percent"
    r"|less than timeouts.response|at most limits.body|a match of its own|each (name|token) once"
    r"|at most 24h|at most 90d|at most 1024GiB|port \d|the path of a file|upper and lower case being the same"
    r"|besides the primary, each above 0|http\(s\)://host|http://host|sticky where traffic is split"
    r"|a first stage with copies|a protocol whose bodies are read|what the answers say"
    r"|a user has to meet matching versions|a name of its own|a route of one release|^(\w[\w-]* \| )*\w[\w-]*$|a route$"
    r"|either here or releases|a route of this file|each name once"
    r"|at least 600s: minutes|at least history.seconds|at least 1MiB$"
    r"|at least \d+MiB for workers|no baseline|it follows the candidate's|a baseline beside canary"
    r"|a price of each version|one currency|a file of its own|\d+ to \d+ bytes|a file that can be read|a file in PEM"
)
"""What would have been right, in refusals of files that are valid: names, sums, comparisons, numbers with a unit, lines
that a protocol or the first stage never feeds, a baseline that no stage or line needs, an identity that no answer
tells; and a split that is none, because all its versions are names that the file does not have."""


def test_it_is_a_schema_for_new_and_for_old_editors() -> None:
    jsonschema.Draft202012Validator.check_schema(describe())
    jsonschema.Draft7Validator.check_schema(describe())
    assert all(int(most) <= 1000 for most in re.findall(r"\{\d+,(\d+)\}", json.dumps(describe()))), "Go refuses these"
    assert not set(re.findall(r'"(\$\w+|unevaluated\w+|prefixItems|dependent\w+)":', json.dumps(describe()))) - {
        "$schema"
    }


def test_the_command_prints_it() -> None:
    printed = CliRunner().invoke(main.app, ["schema"])
    assert printed.exit_code == 0
    assert json.loads(printed.output) == describe()


def complaints(text: str) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(load(text))]


@pytest.mark.parametrize(
    "place",
    [
        "README.md",
        "docs/everything.yaml",
        *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("deploy/**/penumbra.yaml")),
    ],
)
def test_configurations_of_this_repository_are_valid(place: str) -> None:
    text = (ROOT / place).read_text(encoding="utf-8")
    whole = re.compile(r"^```yaml\n(listen:.*?)^```", re.MULTILINE | re.DOTALL)
    texts = whole.findall(text) if place.endswith(".md") else [text]
    assert texts
    assert [complaint for each in texts for complaint in complaints(each)] == []


SMALL = """
listen: h:1
versions: {a: {url: "http://a"}, b: {url: "http://b"}, c: {url: "http://c"}}
routes: {r: {match: {path: /}, protocol: oip, primary: a%s}}
%s
"""


def small(route: str, top: str) -> str:
    """A small file whose route says more, or has another match."""
    text = SMALL % (f", {route}" if route else "", top)
    return text.replace("match: {path: /}, ", "", 1) if "match:" in route else text


@pytest.mark.parametrize(
    ("route", "top"),
    [
        ("", "require_lineage: true"),
        ("match: {}", ""),
        ("match: {path: /, grpc: a.B}", ""),
        ("match: {grpc: a.B, methods: [GET]}", ""),
        ("match: {grpc: a.B}, inference: {methods: [PUT]}", ""),
        ("match: {grpc: a.B}, canary: {version: b, percent: 1, sticky: 'json:/a'}", ""),
        ("match: {grpc: a.B}, canary: {version: b, percent: 1}, sticky: 'json:/a'", ""),
        ("", f"notify: [{', '.join(['{url: http://h/}'] * 17)}]"),
        ("", "admin: {tokens: [{name: x, role: read, token: ''}]}"),
        ("canary: {version: b, percent: 1}, split: {c: 1}", ""),
        ("canary: {version: b, percent: 1}, release: {candidate: b, strategy: blue-green}", ""),
        ("split: {b: 1}, release: {candidate: b, strategy: blue-green}", ""),
        ("sticky: 'cookie:x'", ""),
        ("sticky: 'cookie:x', canary: {version: b, percent: 1, sticky: 'cookie:x'}", ""),
        ("release: {candidate: b, strategy: ab-test}", ""),
        ("sticky: 'cookie:x', release: {strategy: ab-test}", ""),
        ("sticky: 'cookie:x', release: {strategy: ab-test, candidate: b, arms: {b: 1}}", ""),
        ("sticky: 'cookie:x', release: {strategy: ab-test, candidate: b, stages: []}", ""),
        ("release: {strategy: blue-green, candidate: b, requests: 5}", ""),
        ("release: {strategy: blue-green}", ""),
        ("release: {strategy: canary, candidate: b}", ""),
        ("release: {strategy: canary, candidate: b, stages: []}", ""),
        ("release: {strategy: canary, candidate: b, stages: [{canary: 5}]}", ""),
        ("release: {strategy: canary, candidate: b, stages: [{requests: 5}]}", ""),
        ("release: {strategy: shadow, candidate: b, stages: [{canary: 5, requests: 5}]}", ""),
        ("release: {strategy: shadow, candidate: b, rollback_window: 5m}", ""),
        ("release: {strategy: big-bang, candidate: b}", ""),
        ("release: {strategy: big-bang, candidate: b, accept_risk: true, stages: [{shadow: 5, requests: 5}]}", ""),
        ("release: {strategy: blue-green, candidate: b, promote_winner: true}", ""),
        ("release: {strategy: blue-green, candidate: b, scorecard: {}}", ""),
        ("scorecard: {error_rate: {}}", ""),
        ("analysis: {features: /x}", ""),
        ("analysis: {prediction: /x}", ""),
        ("analysis: {redact: [/name]}", ""),
        ("rescue: {}", ""),
        ("inference: {}", ""),
        ("inference: {methods: []}", ""),
        ("", "releases: {n: {strategy: blue-green, routes: {r: {candidate: b}}}}"),
        ("", "releases: {n: {strategy: blue-green}}"),
    ],
)
def test_what_does_not_go_together_is_refused_by_both(route: str, top: str) -> None:
    text = small(route, top)
    with pytest.raises(ConfigError):
        parse(text, {})
    assert complaints(text)


def test_each_rule_is_needed_by_one_of_these_files() -> None:
    """Without it, a file that the reader refuses would be valid."""
    marks: Any = test_what_does_not_go_together_is_refused_by_both
    texts = [small(route, top) for route, top in marks.pytestmark[0].args[1]]
    files = [load(text) for text in texts]
    for name, weaker in without_one_rule(describe()):
        validator = jsonschema.Draft202012Validator(weaker)
        assert any(validator.is_valid(file) for file in files), f"no file needs the rule {name}"


def without_one_rule(schema: Any) -> Iterator[tuple[str, Any]]:
    """(where, the schema without one of the conditions that stand in an `allOf`)."""
    route = ("properties", "routes", "additionalProperties")
    for path in ((), route, (*route, "properties", "release")):
        for place in range(len(_at(schema, path)["allOf"])):
            weaker = deepcopy(schema)
            del _at(weaker, path)["allOf"][place]
            yield f"{'.'.join(path)}[{place}]", weaker


def _at(schema: Any, path: tuple[str, ...]) -> Any:
    return schema if not path else _at(schema[path[0]], path[1:])


def parsers(node: Node) -> Iterator[Any]:
    match node:
        case Value(parser):
            yield parser
        case Items(Value() as value):
            yield from parsers(value)
        case Names(key, below):
            yield key
            yield from parsers(below)


PARSERS = [parser for _, node, _ in walk(shape()) for parser in parsers(node)]
NUMBERS = [parser for parser in PARSERS if isinstance(parser, values.Number | values.Whole)]


def test_every_parser_is_described_and_no_other() -> None:
    assert all(scalar(parser) and allowed(parser) for parser in PARSERS)
    assert set(SCALARS) <= {*PARSERS, values.name}


LIKELY = """
0 1 5 10 100 101 0.5 1e-3 1.5e3 -1 nan on off true false yes null ~ auto 10s 0s 500ms 7d 1h 64MiB 1MB h:1 [::1]:80 http://h
https://h http://h:0/x http://u:p@h / /a/b /a?b header:x cookie:x json:/a json:a v1 a$b GET
"""
TEXTS = st.one_of(
    st.sampled_from([*LIKELY.split(), "", " ", "a b", "x\ty", "é", "9" * 16]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12),
)


@given(TEXTS, st.sampled_from(PARSERS))
def test_what_a_parser_takes_is_valid(text: str, parser: Any) -> None:
    assume(text != "*")  # the recorder's word for any version
    try:
        parser(text)
    except values.Refused:
        return
    jsonschema.validate(text, scalar(parser))  # as written between quotes


@pytest.mark.parametrize("text", ["0", "1", "-1", "101", "0.5", "true", "false"])
def test_both_take_what_is_no_text_to_an_editor(text: str) -> None:
    for parser in PARSERS:
        valid = jsonschema.Draft202012Validator(scalar(parser)).is_valid(load(text))
        try:
            parser(text)
        except values.Refused as refused:
            assert not valid or BEYOND.search(refused.allowed), (parser, scalar(parser))
        else:
            assert valid, (parser, scalar(parser))


@given(st.sampled_from(NUMBERS), st.data())
def test_numbers_have_the_same_bounds(parser: Any, data: st.DataObject) -> None:
    number = data.draw(st.one_of(st.integers(-2, 10**13), st.sampled_from([parser.low, parser.high, parser.high + 1])))
    written = f"{number:.15g}".replace("e+", "e")  # a number of more digits than that is not written so
    assume(float(written) == number)
    try:
        parser(written)
        taken = True
    except values.Refused:
        taken = False
    assert jsonschema.Draft202012Validator(scalar(parser)).is_valid(number) == taken


KEYS = sorted({path.rpartition(".")[2].removesuffix("[]") for path, _, _ in walk(shape())} | {"unknown", "*"})
WRONG = st.sampled_from(
    [[], {}, [{}], "", "x", "v2", 0, 1, -1, 101, 0.5, True, "off", "10s", "60d", "64MiB", ["x"], {"v2": 5}]
)


def spots(tree: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything in a tree."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from spots(value)


def mutate(tree: Any, draw: st.DataObject) -> None:
    """Takes something away, puts something else in its place, or adds a key."""
    places = list(spots(tree))
    holder, key = places[draw.draw(st.integers(0, len(places) - 1))]
    match draw.draw(st.sampled_from(["delete", "replace", "swap", "add"])):
        case "delete":
            del holder[key]
        case "replace":
            holder[key] = deepcopy(draw.draw(WRONG))
        case "swap":
            other, at = places[draw.draw(st.integers(0, len(places) - 1))]
            holder[key] = deepcopy(other[at])
        case "add" if isinstance(holder, dict):
            holder[draw.draw(st.sampled_from(KEYS))] = deepcopy(draw.draw(WRONG))


TOGETHER = {name: list(each["routes"]) for name, each in EVERYTHING["releases"].items()}
ALONE = [name for name in EVERYTHING["routes"] if not any(name in members for members in TOGETHER.values())]


@given(st.integers(1, 3), st.sampled_from([*ALONE, *TOGETHER]), st.data())
@effort(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_reader_and_the_schema_agree_about_any_file(count: int, name: str, data: st.DataObject) -> None:
    tree = deepcopy(EVERYTHING)
    tree["routes"] = {route: tree["routes"][route] for route in TOGETHER.get(name, [name])}
    tree["releases"] = {name: tree["releases"][name]} if name in TOGETHER else {}
    for _ in range(count):
        mutate(tree, data)
    text = dump(tree)
    said = complaints(text)
    try:
        parse(text, {})
    except ConfigError as error:
        unseen = [problem for problem in error.problems if not BEYOND.search(problem.allowed)]
        assert said or not unseen, f"valid, but {unseen[0]}\n{text}"
    else:
        assert not said, f"taken, but {said[0]}\n{text}"
