"""Nothing vanishes that somebody's dashboard or client relies on: metrics and admin API of 0.1.0, name by name.

`names-0.1.0.txt` was written by the 0.1.0 program: every metric with its labels and type, every operation with its
parameters, bodies and statuses, every field of every schema. What is new may stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proxy.control.api.openapi import describe
from tests.control.houses import House
from tests.control.telemetry.families import families

NAMES = frozenset((Path(__file__).parent / "names-0.1.0.txt").read_text(encoding="utf-8").splitlines())


def flat(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "description":
                yield from flat(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner, path)
    else:
        yield f"{path}: {value}"


def offered(document: dict[str, Any]) -> Iterator[str]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            yield from (f"{name} answers {status}" for status in operation["responses"])
            yield from (
                f"{name} takes {each.get('name', each.get('$ref'))}" for each in operation.get("parameters", ())
            )
            yield from flat(operation.get("requestBody", {}), f"{name} body")
            yield from flat(operation["responses"].get("200", {}), f"{name} 200")
    yield from flat(document["components"], "components")


def test_no_metric_of_0_1_0_has_vanished(house: House) -> None:
    shown = {f"{name}{{{', '.join(family.labels)}}} {family.type}" for name, family in families(house).items()}
    assert {line for line in NAMES if line.startswith("penumbra_")} <= shown


def test_nothing_of_the_api_of_0_1_0_has_vanished() -> None:
    assert {line for line in NAMES if not line.startswith("penumbra_")} <= set(offered(describe()))
