"""What docs/, README and deploy/ say is true: links lead somewhere, names exist, numbers are those of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
import yaml

from loadtests import quotes
from proxy.cli import main
from proxy.config.load import parse
from proxy.contracts.evidence import Evidence
from proxy.contracts.operation import Admin
from proxy.contracts.settings import Analysis, Guard, OnBreach, Settings
from proxy.contracts.strategies import Strategy
from proxy.contracts.table import Limits, Match, Rescue, Timeouts
from proxy.control.api.endpoints import ENDPOINTS
from proxy.control.api.openapi import describe
from proxy.control.api.page.static import POLICY
from proxy.release.phases import TABLE
from proxy.release.scorecard import judge
from tests.test_architecture import FLOORS

ROOT = Path(__file__).resolve().parent.parent
DOCS = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(page for folder in ("docs", "deploy") for page in sorted((ROOT / folder).glob("*.md"))),
]
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PAGES}
README = TEXTS["README.md"]
TELEMETRY = ROOT / "proxy" / "control" / "telemetry"
METRICS = "".join(path.read_text(encoding="utf-8") for path in sorted(TELEMETRY.glob("*.py")))
pages = pytest.mark.parametrize("page", TEXTS)

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
CONSTANT = re.compile(r"^\| .*?`(proxy(?:\.\w+)+)\.([A-Z_]+)` \|", re.MULTILINE)


def slugs(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made on code hosts."""
    prose = BLOCK.sub("", text)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall(BLOCK.sub("", TEXTS[page])):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in slugs(target.read_text(encoding="utf-8")), link


def test_every_chapter_is_found_from_the_readme() -> None:
    linked = set(LINK.findall(README))
    assert {f"docs/{name}" for name in DOCS} <= linked
    assert "deploy/RUNBOOK.md" in linked


def test_the_readme_is_not_too_long() -> None:
    assert len(README.splitlines()) <= 180


@pages
def test_yaml_is_valid_and_configurations_load(page: str) -> None:
    for language, block in BLOCK.findall(TEXTS[page]):
        if language != "yaml":
            continue
        if all(re.search(rf"^{key}:", block, re.MULTILINE) for key in ("listen", "versions", "routes")):
            assert isinstance(parse(block, {}), Settings)
        else:
            list(yaml.safe_load_all(block))


@pages
def test_metrics_exist(page: str) -> None:
    for name in set(re.findall(r"\bpenumbra_[a-z_]+[a-z]\b", TEXTS[page])):
        bare = re.sub(r"_(total|bucket|sum|count)$", "", name)
        assert f'"{bare}"' in METRICS or f'"{name}"' in METRICS, name


@pages
def test_endpoints_exist(page: str) -> None:
    known = [re.compile(re.sub(r"\{\w+\}", r"[^/\\s]+", endpoint.path) + "$") for endpoint in ENDPOINTS]
    for path in set(re.findall(r"(?<![\w.])(?:/v1/[\w/{}$.\-]+)", TEXTS[page])):
        if path.startswith(("/v1/models", "/v1/chat", "/v1/completions", "/v1/embeddings")):
            continue  # of model servers
        path = path.rstrip("/.")
        assert any(each.match(path) for each in known), path


@pages
def test_commands_exist(page: str) -> None:
    command = typer.main.get_command(main.app)
    spans = [
        *SPAN.findall(BLOCK.sub("", TEXTS[page])),
        *(line for _, block in BLOCK.findall(TEXTS[page]) for line in block.splitlines()),
    ]
    named = {found[1] for span in spans if (found := re.match(r"\s*(?:\S*/)?penumbra ([a-z]+)\b(?! *[:=])", span))}
    assert named <= set(getattr(command, "commands")), page  # noqa: B009


OPTIONS: dict[str, tuple[str, ...]] = {
    "limits": (*Limits.__struct_fields__, "memory"),
    "timeouts": Timeouts.__struct_fields__,
    "rescue": Rescue.__struct_fields__,
    "analysis": Analysis.__struct_fields__,
    "match": Match.__struct_fields__,
    "admin": Admin.__struct_fields__,
}


@pages
def test_options_exist(page: str) -> None:
    for span in SPAN.findall(TEXTS[page]):
        section, _, name = span.partition(".")
        if section in OPTIONS and re.fullmatch(r"\w+", name):
            assert name in OPTIONS[section], span


@pages
def test_files_that_are_named_exist(page: str) -> None:
    for span in SPAN.findall(TEXTS[page]):
        if re.fullmatch(r"(?:proxy|tests|loadtests|deploy|docs)/[a-z\d_/.\-]+", span):
            assert (ROOT / span).exists(), span


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/releasing.md"])
def test_files_that_developers_are_sent_to_exist(page: str) -> None:
    """Files of any room or of the top level, by their paths from there."""
    named = {
        span for span in SPAN.findall(TEXTS[page]) if re.fullmatch(r"[\w.\-]+(?:/[\w.\-]+)*\.(?:py|md|toml|yaml)", span)
    }
    patterns = {name for name in named if name == "__init__.py" or "FILE" in name}
    assert {name for name in named - patterns if not (ROOT / name).exists()} == set()


def test_the_architecture_shows_every_room_on_its_floor() -> None:
    rows = re.findall(r"^\| (\d) \| `proxy/(\w+)(?:\.py)?` \|", DOCS["architecture.md"], re.MULTILINE)
    assert {room: int(floor) for floor, room in rows} == {room: floor for room, (floor, _) in FLOORS.items()}


def constants() -> Iterator[tuple[str, str, Any, str]]:
    """(page, module, value in the code, cells of the row that names it)."""
    for name, text in DOCS.items():
        for line in text.splitlines():
            if found := CONSTANT.match(line):
                yield name, f"{found[1]}.{found[2]}", getattr(import_module(found[1]), found[2]), line


def test_numbers_are_those_of_the_code() -> None:
    found = list(constants())
    assert len(found) > 40
    for page, name, value, line in found:
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        at = next(at for at, cell in enumerate(cells) if name in cell)
        told = cells[at + 1] if page == "statistics.md" else re.sub(r" (s|bytes)$", "", cells[at - 1])
        assert ast.literal_eval(told) == value, f"{page}: {name} is {value}, not {told}"


def test_bounds_of_the_settings_are_the_defaults() -> None:
    usual = parse(
        "listen: h:1\nversions: {a: {url: http://h}}\nroutes: {r: {match: {path: /}, protocol: json, primary: a}}", {}
    )
    rows = re.findall(r"\| `([\w.]+)`, ([\d,]+)(?: (MiB))? \| settings \|", DOCS["security.md"])
    assert len(rows) >= 5
    for name, number, unit in rows:
        section, _, field = name.rpartition(".")
        of = {"limits": usual.routes[0].limits, "client": usual.client, "": usual}[section]
        value = getattr(of, field)
        assert int(number.replace(",", "")) * (1 << 20 if unit else 1) == value, name


@pytest.mark.parametrize("name", DOCS)
def test_quoted_figures_are_those_of_their_source(name: str) -> None:
    """`python -m loadtests.quotes` copies them anew."""
    assert quotes.filled(DOCS[name], ROOT / "docs") == DOCS[name]


def test_a_quote_is_filled_and_a_missing_table_is_said(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("text\n| a | b |\n| - | - |\n| 1 | 2 |\n\n| c |\n")
    quote = "<!-- quoted: page.md: | {} | -->\nold\n<!-- end -->\n"
    assert quotes.filled(quote.format("a"), tmp_path).splitlines()[1:4] == ["| a | b |", "| - | - |", "| 1 | 2 |"]
    with pytest.raises(quotes.NoSuchTable):
        quotes.filled(quote.format("z"), tmp_path)


def test_the_transitions_are_those_of_the_machine() -> None:
    section = DOCS["concepts.md"].split("| from | event: to |")[1].split("\n\n")[0]
    told = {
        (phase, event): None if to == "back" else to
        for phase, events in re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
        for event, to in re.findall(r"(\w+): (\w+)", events)
    }
    assert told == TABLE


@pytest.mark.parametrize(("first", "kind"), [("strategy", Strategy), ("`on_breach`", OnBreach)])
def test_strategies_and_reactions_are_complete(first: str, kind: Any) -> None:
    section = DOCS["concepts.md"].split(f"\n| {first} |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) == get_args(kind)


def test_the_sentence_is_one_that_the_scorecard_says() -> None:
    known = Evidence(
        "error_rate", "b", 0.00773, 0.00191, 1164, 3480, log_breach=4.1, dispersion=1.2, needed=300, limit="max_ratio"
    )
    verdict, *_ = judge([known], Guard(), "b")
    assert f"    {verdict.sentence}\n" in DOCS["statistics.md"]


def test_the_policy_of_the_page_is_as_told() -> None:
    assert POLICY in DOCS["security.md"].replace("\n", " ")


def samples(kind: str) -> dict[str, Any]:
    """The sample of a Kubernetes kind in the comparison."""
    blocks = [block for language, block in BLOCK.findall(DOCS["comparison.md"]) if language == "yaml"]
    found = [each for block in blocks for each in yaml.safe_load_all(block) if each.get("kind") == kind]
    assert len(found) == 1
    sample: dict[str, Any] = found[0]
    return sample


def test_argo_asks_for_what_a_route_says() -> None:
    (metric,) = samples("AnalysisTemplate")["spec"]["metrics"]
    route = describe()["components"]["schemas"]["Route"]["properties"]
    conditions = f"{metric['successCondition']} {metric['failureCondition']}"
    fields = re.findall(r"result\.(\w+) == \"(\w+)\"", conditions)
    assert {name for name, _ in fields} == {"verdict", "phase"}
    assert all(value in route[name]["enum"] for name, value in fields)
    asked = metric["provider"]["web"]["url"].partition(":9900")[2]
    assert asked.replace("{{args.route}}", "{route}") in {endpoint.path for endpoint in ENDPOINTS}
    assert metric["inconclusiveLimit"] < metric["count"], "a run that is never decided must not count as a success"


def test_flagger_asks_the_gate_where_success_means_go_on() -> None:
    hooks = samples("Canary")["spec"]["analysis"]["webhooks"]
    assert {hook["type"] for hook in hooks} == {"confirm-traffic-increase", "confirm-promotion"}
    gates = {(each.method, status) for each in ENDPOINTS if each.path.endswith("/gate") for status, _ in each.statuses}
    assert {("POST", 200), ("POST", 409), ("POST", 425)} <= gates
    named = samples("Canary")["spec"]["analysis"]["metrics"][0]["templateRef"]["name"]
    assert samples("MetricTemplate")["metadata"]["name"] == named
