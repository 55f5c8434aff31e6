"""The house holds: who may import what, how long files are, and that a worker stays small."""

from __future__ import annotations

import ast
import builtins
import json
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support import import_graph

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / "proxy"

FLOORS: dict[str, tuple[int, set[str]]] = {
    "contracts": (0, {"msgspec", "mypy_extensions"}),
    "http1": (1, {"contracts", "httptools", "msgspec"}),
    "http2": (1, {"contracts"}),
    "routing": (1, {"contracts", "msgspec", "zstandard", "brotli"}),
    "payload": (1, {"contracts", "brotli", "msgspec", "orjson", "numpy", "zstandard"}),
    "stats": (1, {"contracts", "msgspec", "numpy", "rapidfuzz", "river"}),
    "release": (1, {"contracts", "msgspec"}),
    "files": (2, set()),
    "html_page": (2, {"contracts"}),
    "descriptor_limit": (2, set()),
    "link": (2, {"contracts", "msgspec"}),
    "tls": (2, {"contracts"}),
    "dataplane": (
        3,
        {"contracts", "http1", "http2", "routing", "link", "tls", "descriptor_limit", "msgspec", "orjson", "uvloop"},
    ),
    "control": (
        3,
        {"contracts", "routing", "payload", "stats", "release", "files", "html_page", "link", "tls"}
        | {"descriptor_limit"}
        | {"aiohttp", "msgspec", "redis", "opentelemetry", "requests", "urllib3", "prometheus_client", "uvloop"},
    ),
}
"""Room to its floor and what it may import beside itself and the standard library. msgspec is where Structs are; uvloop
runs the two processes that have a loop; mypy_extensions is for the compiler, and not there at run time; a worker
reads the key of a JSON pointer with orjson; `telemetry.spans` alone imports OpenTelemetry, which is an extra, and
`telemetry.span_transport` its HTTP library."""

INSIDE: dict[str, dict[str, set[str]]] = {
    "stats": {
        "alike_join": set(),
        "arrays": set(),
        "door": set(),
        "grouped": set(),
        "state": set(),
        "weight": set(),
        "counts": {"state"},
        "sequential": {"arrays", "state"},
        "finite": {"arrays"},
        "selection": set(),
        "words": set(),
        "row_sample": set(),
        "drift": {"arrays", "finite", "row_sample", "selection", "weight", "words"},
        "agreement": {
            "alike_join",
            "arrays",
            "grouped",
            "drift",
            "finite",
            "row_sample",
            "selection",
            "weight",
            "words",
        },
        "quality": {"arrays", "finite", "grouped", "state", "sequential", "weight"},
        "identity": {"alike_join", "state"},
        "evidence": {"arrays", "state", "counts", "sequential", "drift", "agreement", "quality"},
        "comparison": {"state", "counts", "sequential", "drift", "quality", "identity", "evidence"},
        "diagnosis": {"drift", "evidence"},
        "plain_shadows": {"agreement", "evidence"},
        "look": {"counts", "drift", "agreement", "evidence", "identity"},
        "snapshot": {"state", "comparison"},
        "totals": {"counts", "agreement", "quality"},
        "watched": {
            *("agreement", "comparison", "diagnosis", "drift", "evidence", "identity", "look", "plain_shadows"),
            *("snapshot", "totals"),
        },
        "board": {
            *("agreement", "comparison", "counts", "door", "drift", "evidence", "grouped", "look", "quality"),
            *("totals", "watched"),
        },
    },
    "control": {
        "route_control": set(),
        "judgement": {"route_control"},
        "release_control": {"route_control"},
        "acts": {"release_control"},
        "lineage": set(),
        "identities": set(),
        "packages": {"identities"},
        "disk_thread": set(),
        "state": {"disk_thread", "route_control"},
        "adoption": {"packages", "state"},
        "failed_requests": set(),
        "open_streams": set(),
        "changes": {"failed_requests", "lineage", "open_streams", "release_control"},
        "certificates": set(),
        "file_watch": set(),
        "intake": set(),
        "loop_lag": set(),
        "judge": set(),
        "primary_figures": set(),
        "profiles": set(),
        "lost_answers": set(),
        "own_limits": set(),
        "not_rewritten": set(),
        "unread_keys": set(),
        "unverified": set(),
        "warnings": {"identities", "lost_answers", "not_rewritten", "own_limits", "unread_keys", "unverified"},
        "standstill": {"route_control"},
        "stories": {"disk_thread", "route_control", "state"},
        "spoken_protocols": set(),
        "promised_answers": {"spoken_protocols"},
        "engine_errors": set(),
        "engine": {
            "engine_errors",
            *(
                "acts",
                "adoption",
                "changes",
                "judgement",
                "packages",
                "primary_figures",
                "release_control",
                "route_control",
                "standstill",
            ),
            *("state", "warnings"),
        },
        "containment": set(),
        "history": {"containment", "disk_thread", "engine", "route_control", "state"},
        "effects": {"engine", "open_streams", "release_control", "route_control", "unread_keys"},
        "effect_words": {"effects"},
        "fleet": {
            *("disk_thread", "engine", "open_streams", "profiles", "release_control", "route_control", "state"),
            "stories",
        },
        "beginning": {"adoption", "fleet", "state"},
        "messages": {"disk_thread"},
        "notify": {"containment", "disk_thread", "engine", "messages"},
        "api": {
            "history",
            *("engine_errors", "fleet", "engine", "identities", "judgement", "release_control", "route_control"),
            *("effect_words", "effects", "open_streams", "state", "stories"),
        },
        "capture": {"engine", "promised_answers", "spoken_protocols", "state"},
        "replay": {"capture", "profiles"},
        "telemetry": {
            *("capture", "certificates", "engine", "fleet", "history", "notify", "route_control", "stories"),
        },
        "process": {
            "beginning",
            *("containment", "disk_thread", "history"),
            *(
                "api",
                "capture",
                "certificates",
                "containment",
                "engine",
                "file_watch",
                "fleet",
                "intake",
                "judge",
                "loop_lag",
                "notify",
                "profiles",
                "state",
                "stories",
            ),
            *("promised_answers", "spoken_protocols", "telemetry"),
        },
    },
    "dataplane": {
        "descriptors": set(),
        "tls_failed": set(),
        "tls_layer": set(),
        "local_fault": {"tls_failed"},
        "endpoints": set(),
        "patience": set(),
        "resolver": {"endpoints"},
        "name": {"endpoints", "local_fault"},
        "members": {"endpoints"},
        "dns": {"endpoints", "patience"},
        "introduction": set(),
        "malformed": set(),
        "times": set(),
        "tally": {"malformed", "times"},
        "ports": {"endpoints", "members", "tally"},
        "client_ports": {"introduction", "ports"},
        "stall": set(),
        "states": set(),
        "tail": set(),
        "unexpected": {"ports"},
        "turns": {"unexpected"},
        "handshakes": {"tally", "tls_failed"},
        "trust": {"handshakes", "tally", "tls_failed"},
        "names": {"endpoints", "local_fault", "name", "resolver", "tally", "unexpected"},
        "race": {"endpoints", "local_fault", "ports"},
        "timings": set(),
        "memory": {"ports"},
        "lookups": {"dns", "resolver", "unexpected"},
        "uploads": {"ports", "unexpected"},
        "reach": set(),
        "availability": {"members", "ports"},
        "serving": {"ports", "unexpected"},
        "pool": {
            *("availability", "descriptors", "endpoints", "local_fault", "members", "memory", "patience", "ports"),
            *("reach", "serving", "unexpected", "uploads"),
        },
        "live": {"descriptors", "pool", "ports", "tally"},
        "rollback": {"live", "ports", "unexpected"},
        "assign": {"live", "tally"},
        "request": {"client_ports", "live", "ports"},
        "recorder": {"memory", "ports", "request", "tally"},
        "shared": {
            "client_ports",
            "live",
            "memory",
            "ports",
            "recorder",
            "rollback",
            "stall",
            "tally",
            "timings",
            "unexpected",
        },
        "resend": set(),
        "attempt": {
            "resend",
            "live",
            "memory",
            "ports",
            "recorder",
            "request",
            "shared",
            "stall",
            "states",
            "tail",
            "unexpected",
        },
        "sending": {"attempt", "client_ports", "live", "ports", "request", "shared", "states"},
        "leg": {"live", "memory", "request", "resend", "sending", "shared", "states", "unexpected"},
        "rewriting": {"leg", "live", "memory", "ports", "request", "shared", "states", "unexpected"},
        "calling": {"leg", "live", "memory", "request", "rewriting", "shared", "states"},
        "kept": {"client_ports", "leg", "live", "memory", "ports", "recorder", "request", "shared", "states", "tally"},
        "shadow": {"attempt", "live", "memory", "ports", "request", "shared", "states", "unexpected"},
        "exchange": {
            "assign",
            "calling",
            "client_ports",
            "kept",
            "live",
            "memory",
            "shadow",
            "shared",
            "states",
            "unexpected",
        },
        "h1": {
            *("assign", "client_ports", "endpoints", "exchange", "introduction", "local_fault", "members", "memory"),
            *("ports", "shared", "timings", "trust", "unexpected"),
        },
        "h2": {
            *("assign", "client_ports", "endpoints", "exchange", "h1", "introduction", "local_fault", "members"),
            *("memory", "ports", "shared", "states", "trust", "turns", "unexpected"),
        },
        "dialing": {
            *(
                "endpoints",
                "h1",
                "h2",
                "handshakes",
                "names",
                "ports",
                "race",
                "timings",
                "tls_layer",
                "trust",
                "turns",
            ),
        },
        "secured": {"shared", "unexpected"},
        "fronts": {"h1", "introduction", "secured", "shared"},
        "worker": {
            *(
                "descriptors",
                "dialing",
                "fronts",
                "h2",
                "live",
                "lookups",
                "memory",
                "names",
                "recorder",
                "shared",
                "tally",
                "timings",
            ),
            "unexpected",
        },
    },
    "config": {
        "tree": set(),
        "text": {"tree"},
        "values": set(),
        "section": {"tree", "values"},
        "tls": {"section", "values"},
        "pem": set(),
        "public_key": {"pem"},
        "packages": {"pem", "public_key", "section"},
        "chain": set(),
        "admin": {"section", "tls", "values"},
        "notify": {"section", "tls", "values"},
        "analysis": {"section", "tls", "values"},
        "release": {"section", "values"},
        "bounds": {"section", "values"},
        "model_url": {"values"},
        "certificates": {"chain", "model_url", "pem", "section"},
        "balance": {"model_url", "section", "values"},
        "wording": set(),
        "fleet": {"section", "tls", "values"},
        "written": {"section"},
        "own_address": {"section"},
        "contradictions": set(),
        "calls": {"section", "values"},
        "releases": {"calls", "release", "section", "values"},
        "prices": {"section", "tree", "values"},
        "rewrite": {"section", "values"},
        "hints": {"contradictions", "fleet"},
        "versions": {"balance", "model_url", "prices", "rewrite", "section", "tls", "values"},
        "load": {
            "calls",
            "fleet",
            "admin",
            "notify",
            "analysis",
            "bounds",
            "certificates",
            "own_address",
            "packages",
            "prices",
            "release",
            "releases",
            "rewrite",
            "section",
            "text",
            "tls",
            "tree",
            "values",
            "versions",
            "written",
        },
        "reload": {"load"},
        "schema": {
            "calls",
            "fleet",
            "admin",
            "notify",
            "analysis",
            "load",
            "model_url",
            "release",
            "rewrite",
            "section",
            "tls",
            "values",
            "wording",
        },
    },
    "cli": {
        "exit_codes": set(),
        "wording": set(),
        "access": set(),
        "client": {"access", "exit_codes"},
        "render": {"wording"},
        "report": set(),
        "arguments": {"exit_codes", "render"},
        "profile": set(),
        "audit": {"access", "client", "exit_codes", "render", "wording"},
        "plan": {"exit_codes"},
        "story_facts": {"access", "client"},
        "story_file": {"exit_codes", "wording"},
        "message_commands": {"arguments", "exit_codes"},
        "told": set(),
        "acting": {"access", "client", "exit_codes", "render"},
        "acting_commands": {"access", "acting", "arguments", "plan"},
        "told_commands": {"access", "arguments", "client", "told"},
        "audit_commands": {"access", "arguments", "audit", "exit_codes", "story_facts", "story_file"},
        "top": {"access", "client", "exit_codes"},
        "top_commands": {"access", "acting", "top"},
        "package": {"wording"},
        "backtest": {"exit_codes", "render", "wording"},
        "replay": {"backtest", "exit_codes", "render", "report", "wording"},
        "capture": {"arguments", "exit_codes", "render", "wording"},
        "inject": {"exit_codes"},
        "serve": {"exit_codes", "render"},
        "main": {
            "access",
            "acting_commands",
            "arguments",
            "audit_commands",
            "message_commands",
            "backtest",
            "capture",
            "client",
            "exit_codes",
            "inject",
            "package",
            "plan",
            "profile",
            "render",
            "replay",
            "report",
            "serve",
            "told_commands",
            "top_commands",
            "wording",
        },
    },
}
"""Rooms within rooms, lowest first: each to what it may import of its siblings. In `stats` that is a record's way; in
`dataplane` what is above the ports knows no protocol, and `h1` is known to the worker alone."""

WIRING = {
    *(
        "__init__",
        "__main__",
        "cgroup",
        "logs",
        "front_door",
        "link_folder",
        "link_place",
        "listening",
        "memory",
        "opening",
        "sockets",
        "starting",
        "supervisor",
        "cli",
        "config",
    ),
    *("children", "processors", "last_words", "signals", "watchdog"),
}
"""Floor 4: modules that may import all rooms."""

STORY = "demo"
"""`penumbra demo` stands beside the house: it may import everything, and nothing but the command line imports it."""

COMPILED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["penumbra"]["compiled"]
"""The rooms, and single files, that `setup.py` compiles."""

CLOCKLESS = {"time", "random", "secrets", "socket", "select", "threading", "subprocess", "asyncio", "os"}
"""Floors 0 and 1 decide; time, chance and the outside are arguments."""

LONGEST = 400
"""Lines of a file: room for one idea. A longer one says why at its top, in a docstring that has the word `long`."""


def modules() -> list[Path]:
    return sorted(HOUSE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


HTTP1_WRITERS = {f"proxy/dataplane/h1/{name}.py" for name in ("downstream", "not_tls", "outgoing", "upstream")}
"""The only files of the data plane that know HTTP/1.1: everything else is behind the ports."""


def test_only_h1_speaks_http1() -> None:
    plane = [path for path in modules() if room_of(path) == "dataplane"]
    assert {by_name(path) for path in plane for _, _, room in imports(path) if room == "http1"} == HTTP1_WRITERS


@cache
def imports(path: Path) -> list[tuple[int, str, str]]:
    """(line, top-level package, room or "") of every import in a file, lazy ones too."""
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")[0], _room(alias.name.split("."), ())
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides the room"
            for alias in node.names:
                parts = (node.module or "").split(".")
                yield node.lineno, parts[0], _room(parts, (alias.name,))


def _room(parts: list[str], names: tuple[str, ...]) -> str:
    """The room that `from proxy.room…` or `from proxy import room` reaches; the version of the package is nobody's."""
    if parts[0] != "proxy":
        return ""
    reached = [*parts[1:], *names]
    return "" if reached[:1] in ([], ["__version__"]) else reached[0]


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules(), ids=by_name)
def test_every_module_has_a_place(path: Path) -> None:
    room = room_of(path)
    assert room in FLOORS or room in WIRING or room == STORY


@pytest.mark.parametrize("path", [p for p in modules() if room_of(p) in FLOORS], ids=by_name)
def test_rooms_import_only_what_the_table_says(path: Path) -> None:
    room = room_of(path)
    floor, allowed = FLOORS[room]
    for line, package, target in imports(path):
        where = f"{by_name(path)}:{line}"
        if package == "proxy":
            assert target in allowed | {room, ""}, f"{where}: {room} (floor {floor}) may not import {target}"
            continue
        assert package in allowed or package in sys.stdlib_module_names, f"{where}: {room} may not import {package}"
        assert floor > 1 or package not in CLOCKLESS, f"{where}: {package}: time, chance, outside are arguments here"


@pytest.mark.parametrize(
    "path", [p for p in modules() if room_of(p) in COMPILED or str(p.relative_to(HOUSE)) in COMPILED], ids=by_name
)
def test_what_is_compiled_has_plain_classes(path: Path) -> None:
    """mypyc ignores what is said to a metaclass: a Struct would not be frozen, and its annotations would be erased."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.ClassDef) or not node.keywords, f"{by_name(path)}:{node.lineno}"


@pytest.mark.parametrize(
    "path", [p for p in modules() if room_of(p) in COMPILED or str(p.relative_to(HOUSE)) in COMPILED], ids=by_name
)
def test_what_is_compiled_has_a_name_for_each_exception_of_its_own(path: Path) -> None:
    """mypyc gives a variable one type in a function, that of the first `except … as` where it is a class of ours: the
    next one of that name would end in a TypeError."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        caught: dict[str, set[str]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler) and node.name and node.type:
                caught.setdefault(node.name, set()).add(ast.unparse(node.type))
        for name, kinds in caught.items():
            ours = [kind for kind in kinds if "." not in kind and not hasattr(builtins, kind)]
            assert not ours or len(kinds) == 1, f"{by_name(path)}: {function.name} catches {kinds} as {name}"


def test_the_table_goes_downwards() -> None:
    for room, (floor, allowed) in FLOORS.items():
        below = {other for other in allowed if other in FLOORS}
        assert all(FLOORS[other][0] < floor for other in below), f"{room} imports upwards or sideways"


@pytest.mark.parametrize("room", INSIDE)
def test_rooms_within_a_room_import_only_what_the_table_says(room: str) -> None:
    table = INSIDE[room]
    graph = import_graph.folded(import_graph.within(import_graph.module_graph(HOUSE), room), 2)
    found = {name.removeprefix(f"{room}."): {t.removeprefix(f"{room}.") for t in graph[name]} for name in graph}
    assert set(found) == set(table), "every module and folder of the room has a row, and no row is left over"
    for name, targets in found.items():
        assert targets <= table[name], f"{room}/{name} may not import {sorted(targets - table[name])}"
    order = list(table)
    for name, allowed in table.items():
        assert all(order.index(other) < order.index(name) for other in allowed), f"{room}/{name} imports upwards"


def test_no_module_imports_itself_by_way_of_others() -> None:
    found = import_graph.circles(import_graph.module_graph(HOUSE))
    assert found == []


@pytest.mark.parametrize("path", [p for p in modules() if room_of(p) in WIRING], ids=by_name)
def test_only_the_command_line_knows_the_demo(path: Path) -> None:
    assert room_of(path) == "cli" or all(target != STORY for _, _, target in imports(path))


def test_no_public_class_has_the_name_of_another() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(by_name(path))
    several = {name: found for name, found in places.items() if len(found) > 1}
    assert not several


@pytest.mark.parametrize("path", modules(), ids=by_name)
def test_files_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    reason = ast.get_docstring(ast.parse(text)) or ""
    assert len(text.splitlines()) <= LONGEST or " long" in reason, "too long, and its docstring does not say why"


@pytest.mark.parametrize("path", [p for p in modules() if p.name == "__init__.py"], ids=by_name)
def test_init_files_are_a_docstring(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    rest = [node for node in body[1:] if not isinstance(node, ast.Import | ast.ImportFrom | ast.Assign)]
    assert isinstance(body[0], ast.Expr)
    assert not rest


def test_only_one_module_imports_opentelemetry() -> None:
    found = {by_name(path) for path in modules() for _, package, _ in imports(path) if package == "opentelemetry"}
    assert found == {"proxy/control/telemetry/spans.py"}


HEAVY = (
    *("numpy", "river", "scipy", "pandas", "aiohttp", "prometheus_client"),
    *("opentelemetry", "typer", "rich", "yaml", "sqlite3", "cryptography"),
)


def imported(module: str) -> set[str]:
    """What a fresh interpreter holds after it imported `module`."""
    code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)
    return set(json.loads(answer.stdout))


LEAN = "proxy.__main__ as begun; begun.import_msgspec_alone(); import"
"""How the processes that stay begin."""


def test_a_worker_is_small() -> None:
    assert not {*HEAVY, "typing_extensions"} & imported(f"{LEAN} proxy.dataplane.worker")


def test_what_starts_all_is_small() -> None:
    heavy = {"numpy", "river", "scipy", "aiohttp", "asyncio", "prometheus_client", "typer", "rich", "sqlite3", "ssl"}
    heavy |= {"cryptography", "typing_extensions"}
    assert not heavy & imported(f"{LEAN} proxy.config.load, proxy.starting")


def test_the_supervisor_is_smaller() -> None:
    """It holds 7 MiB, of which the interpreter is half."""
    heavy = {*HEAVY, "asyncio", "ssl", "msgspec", "hashlib", "socket", "tempfile", "pathlib", "proxy.config"}
    of_the_installation = imported("sys")
    assert not heavy & (imported("proxy.logs, proxy.supervisor") - of_the_installation)


def test_who_needs_what_a_lean_process_does_not_finds_it() -> None:
    assert {"typing_extensions", "aiohttp"} <= imported(f"{LEAN} proxy.control.process")


def test_control_without_what_is_not_configured() -> None:
    assert not {"river", "scipy", "pandas", "opentelemetry", "cryptography"} & imported("proxy.control.process")


def test_a_command_begins_without_what_others_need() -> None:
    assert not {"numpy", "river", "aiohttp", "prometheus_client"} & imported("proxy.cli.main")
