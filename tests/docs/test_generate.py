"""What is made from the code is up to date, and documents and code have the same endpoints, metrics and commands. What
options do is tested in `test_config_options`, what endpoints answer in `test_openapi`, metrics in `test_prometheus`."""

from __future__ import annotations

import re

import pytest
from prometheus_client.registry import Collector

from docs.generate.__main__ import FILES, ROOT
from docs.generate.commands import leaves
from docs.generate.configuration import is_told, within
from docs.generate.markdown import table
from docs.generate.metrics import exposed, families, labels
from proxy.config.schema.recorder import shape, walk
from proxy.control.api.handlers import application
from proxy.control.api.openapi import describe
from proxy.control.telemetry import metrics
from proxy.stats.board import Board
from tests.control.api.test_handlers import context_of
from tests.control.houses import House, section, settings

DOCS = ROOT / "docs"
TESTS = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}


@pytest.mark.parametrize("name", FILES)
def test_what_is_made_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == FILES[name](), "`make docs` writes it anew"


def test_cells_stay_cells() -> None:
    assert table(("a", "b"), [("x | y", "")]) == "| a | b |\n| --- | --- |\n| x \\| y | |"


def test_every_mapping_of_a_configuration_has_a_table() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^### `(.+)`$", page, re.MULTILINE))
    for path, node, _ in walk(shape()):
        found = within(node, path)
        if is_told(path):
            continue
        if found and ".scorecard" not in path.removeprefix("routes.*.scorecard") and not path.count("scorecard."):
            assert found[1].replace("routes.*", "routes.ROUTE").replace(".*", ".NAME") in headings


def test_every_call_that_is_answered_is_documented_and_no_other() -> None:
    routes = application(context_of(House(settings(section("r"))))).router.routes()
    routed = {(route.method, route.resource.canonical) for route in routes if route.resource and route.method != "HEAD"}
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([A-Z]+) (/\S*)` \|", page, re.MULTILINE))
    assert told == routed - {("GET", "/page/{file}")}  # what the status page is made of
    assert told == {(method.upper(), path) for path, calls in describe()["paths"].items() for method in calls}


def test_every_metric_is_documented_with_its_labels_and_no_other() -> None:
    house = House(settings(section("r")))
    sources: list[Collector] = [metrics.BoardCollector(Board(), lambda: 0.0), metrics.EngineCollector(house.engine)]
    real = {family.name: labels(family) for source in sources for family in source.collect()}
    made = {family.name: labels(family) for family in families()}
    assert real.items() <= made.items(), "an empty source yields other metrics than a real board and engine"
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(penumbra_\w+)` \|", page, re.MULTILINE)) == {exposed(each) for each in families()}


def test_every_metric_says_what_it_is() -> None:
    for family in families():
        assert re.fullmatch(r"[A-Z\d].*\.", family.documentation), family.name


COMMANDS = dict(leaves())
OPTIONS = {
    tuple(param.opts)
    for command in COMMANDS.values()
    for param in command.params
    if param.param_type_name == "option" and param.name != "help"
}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name])
def test_every_command_has_a_test(name: str) -> None:
    words = ", ".join(f'"{word}"' for word in name.split())
    assert any(words in text for text in TESTS.values()), f"no test calls penumbra {name}"


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_every_option_of_a_command_has_a_test(option: tuple[str, ...]) -> None:
    assert any(f'"{each}"' in text for text in TESTS.values() for each in option)
