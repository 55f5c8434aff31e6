"""Layouts: bins and violations of batches against one-by-one counting, for every rule and odd bodies."""

import numpy as np
import pytest

from proxy.contracts.observation import ColumnKind, Tensor
from proxy.stats.drift.batch import Batch
from proxy.stats.drift.detector import Reference
from proxy.stats.drift.features import names_of
from proxy.stats.drift.layout import CONTRACT_RULES, BatchCounts, Layout, readable, signature_of
from proxy.stats.drift.profile import profile_of
from proxy.stats.selection import Selection

PROFILE = profile_of(
    {"x": np.linspace(0, 10, 1000).tolist(), "y": [*np.linspace(0, 1, 999), None], "c": ["a", "b"] * 500}, {}
).inputs


def frame(columns: list[str], *rows: tuple[float | str, ...], kind: ColumnKind = "number", name: str = "") -> Tensor:
    return Tensor(name, len(rows), len(columns), kind, [v for row in rows for v in row], tuple(columns))


def body(x: float = 5.0, y: float = 0.5, c: str = "a") -> list[Tensor]:
    return [frame(["x", "y"], (x, y)), frame(["c"], (c,), kind="category")]


def measure(*bodies: list[Tensor]) -> BatchCounts:
    ((signature, group),) = batch(bodies).groups.items()
    return Layout(Reference(PROFILE), signature).measure(group.tables())


def batch(bodies: tuple[list[Tensor], ...]) -> Batch:
    made = Batch(0.0)
    made.update(bodies)
    return made


def broken(measured: BatchCounts) -> dict[str, int]:
    return {CONTRACT_RULES[rule]: int(n) for rule, n in enumerate(measured.violations.sum(axis=0)) if n}


def test_bins_are_those_of_each_value() -> None:
    rng = np.random.default_rng(3)
    values = rng.uniform(0, 10, 50)
    measured = measure(*[body(x=float(x)) for x in values])
    expected = np.bincount(np.digitize(values, PROFILE[0].edges), minlength=measured.counts.shape[1])
    assert (measured.counts[0] == expected).all()
    assert (measured.counts.sum(axis=1) == 50).all()
    assert (measured.rows, measured.bad, broken(measured)) == (50, 0, {})


@pytest.mark.parametrize(
    ("bodies", "rules", "bad"),
    [
        ([body(x=25.0), body(), body(x=-15.0)], {"range": 2}, 2),
        ([body(x=float("nan")), body(y=float("nan"))], {"missing": 1}, 1),
        ([body(c="z"), body()], {"category": 1}, 1),
        ([body(c=None), body()], {"missing": 1}, 1),
        ([body(x=25.0, c="z")], {"range": 1, "category": 1}, 1),
        ([[frame(["x"], (1.0,)), frame(["c"], ("a",), kind="category")]], {}, 0),
        ([[frame(["y"], (1.0,))]], {"absent": 2}, 1),
        ([[frame(["x", "y"], ("1", "2"), kind="category"), frame(["c"], ("a",), kind="category")]], {"type": 2}, 1),
        ([[*body()[:1], frame(["c"], (1.0,))]], {"type": 1}, 1),
    ],
)
def test_every_rule_of_the_contract(bodies: list[list[Tensor]], rules: dict[str, int], bad: int) -> None:
    measured = measure(*bodies)
    assert (broken(measured), measured.bad) == (rules, bad)


def test_a_column_that_the_profile_lacks_is_unexpected() -> None:
    bodies = [[*body(), frame(["new"], (1.0,))]]
    layout = Layout(Reference(PROFILE), signature_of(bodies[0]))
    assert layout.unexpected
    assert measure(*bodies).bad == 1


def test_rows_of_a_body_count_each() -> None:
    bodies = [
        [frame(["x", "y"], (1, 0.1), (2, 0.2), (99, 0.3)), frame(["c"], ("a",), ("b",), ("a",), kind="category")],
        *[body()] * 0,
    ]
    measured = measure(*bodies)
    assert (measured.rows, measured.bad) == (3, 1)
    assert (measured.counts.sum(axis=1) == 3).all()


def test_names_and_what_is_readable() -> None:
    assert names_of(("t", (), 3, "number")) == ("t[0]", "t[1]", "t[2]")
    assert names_of(("t", (), 1, "number")) == ("t",)
    assert names_of(("t", ("a",), 1, "number")) == ("a",)
    image = Tensor("image", 1, 50_000, "number", [0.0] * 50_000)
    vector = Tensor("e", 1, 3, "number", [1.0, 2.0, 3.0], vector=True)
    other = Tensor("p", 2, 1, "number", [1.0, 2.0])
    assert [t.name for t in readable([body()[0], image, vector, other])] == [""]
    assert list(readable([])) == []


def test_a_feature_that_a_body_lacks_is_missing() -> None:
    measured = measure([frame(["x", "y"], (1.0, 0.5))])
    assert (measured.counts[2, -1], measured.counts[0, -1]) == (1, 0)


def test_a_column_that_is_ignored_is_not_unexpected() -> None:
    signature = signature_of([frame(["x", "y", "c", "id"], (5.0, 0.5, 0.0, 1.0))])
    for patterns, unexpected in (((), True), (("id",), False), (("*x",), True)):
        ignored = Selection(patterns, "request")
        assert Layout(Reference(PROFILE), signature, ignored).unexpected is unexpected
