"""Prices of versions: what may be written, and lines on `cost` that nothing would feed."""

from __future__ import annotations

import pytest

from proxy.config.load import parse
from proxy.contracts.price import Price
from proxy.contracts.settings import ConfigError

FILE = """
listen: 127.0.0.1:8080
versions:
  a: {{url: "http://127.0.0.1:1"{a}}}
  b: {{url: "http://127.0.0.1:2"{b}}}
routes:
  r: {{match: {{path: /}}, protocol: openai, primary: a, {judged}}}
"""
CANARY = "canary: {version: b, percent: 10}, scorecard: {cost: {max_ratio: 1.2, max: 0.02}}"
RELEASE = (
    "release: {candidate: b, strategy: canary, stages: [{canary: 10, requests: 100}], scorecard: {cost: {max: 1e-6}}}"
)
PRICE = ", price: {input: 0.15, output: 0.60}"
EURO = ", price: {input: 0.15, output: 0.60, currency: EUR}"


def problems(a: str, b: str, judged: str = CANARY) -> list[str]:
    try:
        parse(FILE.format(a=a, b=b, judged=judged), {})
    except ConfigError as error:
        return [problem.path for problem in error.problems]
    return []


def test_a_price_is_read_as_it_stands() -> None:
    whole = ", price: {input: 2, output: 8, cached_input: 0.5, per: 1000, currency: EUR}"
    settings = parse(FILE.format(a=whole, b=PRICE, judged="canary: {version: b, percent: 10}"), {})
    assert settings.prices == {"a": Price(2.0, 8.0, 0.5, 1000.0, "EUR"), "b": Price(0.15, 0.6)}


@pytest.mark.parametrize(
    ("a", "b", "judged", "paths"),
    [
        (PRICE, PRICE, CANARY, []),
        (PRICE, PRICE, RELEASE, []),
        (PRICE, "", CANARY, ["routes.r.scorecard.cost"]),
        ("", PRICE, CANARY, ["routes.r.scorecard.cost"]),
        ("", "", RELEASE, ["routes.r.release.scorecard.cost"]),
        (PRICE, EURO, CANARY, ["routes.r.scorecard.cost"]),
        (EURO, EURO, CANARY, []),
        ("", "", "canary: {version: b, percent: 10}", []),
        (", price: {input: 1}", PRICE, CANARY, ["versions.a.price.output"]),
        (", price: {input: -1, output: 2}", PRICE, CANARY, ["versions.a.price.input"]),
        (", price: {input: 1, output: 2, unit: USD}", PRICE, CANARY, ["versions.a.price.unit"]),
        (", price: {input: 1, output: 2, currency: '€'}", PRICE, CANARY, ["versions.a.price.currency"]),
        (", price: {input: 1, output: 2, per: 0}", PRICE, CANARY, ["versions.a.price.per"]),
    ],
)
def test_what_is_wrong_is_named(a: str, b: str, judged: str, paths: list[str]) -> None:
    assert problems(a, b, judged) == paths
