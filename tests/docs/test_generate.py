"""What is made from the code is up to date, and documents and code have the same endpoints, metrics and commands. What
options do is tested in `test_config_options`, what endpoints answer in `test_openapi`, metrics in `test_prometheus`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from docs.generate.__main__ import FILES, ROOT
from docs.generate.commands import leaves
from docs.generate.configuration import within
from docs.generate.markdown import table
from proxy.config.schema.recorder import shape, walk
from proxy.control.api.handlers import application
from proxy.control.api.openapi import describe
from proxy.control.telemetry import metrics
from proxy.stats.board import Board
from tests.control.api.test_handlers import facts
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
        if found and ".scorecard" not in path.removeprefix("routes.*.scorecard") and not path.count("scorecard."):
            assert found[1].replace("routes.*", "routes.ROUTE").replace(".*", ".NAME") in headings


def test_every_call_that_is_answered_is_documented_and_no_other() -> None:
    routes = application(facts(House(settings(section("r"))))).router.routes()
    routed = {(route.method, route.resource.canonical) for route in routes if route.resource and route.method != "HEAD"}
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([A-Z]+) (/\S*)` \|", page, re.MULTILINE))
    assert told == routed - {("GET", "/page/{file}")}  # what the status page is made of
    assert told == {(method.upper(), path) for path, calls in describe()["paths"].items() for method in calls}


def families() -> Iterator[Metric]:
    """All that control's collectors can give."""
    house = House(settings(section("r")))
    nothing = SimpleNamespace(counts={}, written=0, errors=0, lines_dropped={}, spans={})
    known: dict[str, Collector] = {
        "BoardCollector": metrics.BoardCollector(Board(), lambda: 0.0),
        "EngineCollector": metrics.EngineCollector(house.engine),
        "WorkerCollector": metrics.WorkerCollector(lambda: []),
        "OutletCollector": metrics.OutletCollector(nothing, nothing),  # type: ignore[arg-type]
        "JournalCollector": metrics.JournalCollector(nothing),  # type: ignore[arg-type]
    }
    collectors = {name for name in vars(metrics) if name.endswith("Collector") and name != "Collector"}
    assert collectors == set(known), "a collector that this test does not know"
    for collector in known.values():
        yield from collector.collect()


def test_every_metric_is_documented_with_its_labels_and_no_other() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(penumbra_\w+)(?:\{(.*?)\})?` \| (\w+) \| (.+) \|$", text, re.MULTILINE)
    told = {name: (kind, tuple(labels.split(", ")) if labels else ()) for name, labels, kind, _ in rows}
    made = {_exposed(family): (family.type, tuple(getattr(family, "_labelnames"))) for family in families()}  # noqa: B009
    assert told == made


def _exposed(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


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
