"""Pairs of values that work against each other: a table, each row of which both sides of its border show."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.contradictions import RULES, contradictions
from proxy.config.hints import hints
from proxy.config.load import parse
from proxy.contracts.durations import in_units
from proxy.contracts.settings import Settings

PLAIN: dict[str, Any] = {
    "listen": "127.0.0.1:0",
    "admin": {"listen": "127.0.0.1:0"},
    "versions": {"a": {"url": "http://127.0.0.1:1"}, "b": {"url": "http://127.0.0.1:2"}},
}


def settings(top: dict[str, Any] | None = None, **route: Any) -> Settings:
    own = {"match": {"path": "/"}, "protocol": "json", "primary": "a", **route}
    return parse(yaml.safe_dump({**PLAIN, **(top or {}), "routes": {"r": own}}), {})


SHADOWED = [{"version": "b"}]

BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "keep_alive": ({"client": {"keep_alive": "60s"}}, {}),
    "lease": ({"lease": "5s", "hang": "6s"}, {}),
    "drain": ({"drain": "29s"}, {}),
    "pair_wait": ({"pair_wait": "29s"}, {"shadows": SHADOWED}),
    "total_response": ({}, {"timeouts": {"total": "29s"}}),
    "total_rescue": ({}, {"timeouts": {"total": "5s", "response": "6s"}, "rescue": {"after": "5s"}}),
    "response_connect": ({}, {"timeouts": {"response": "2s", "connect": "3s"}}),
    "rescue_connect": ({}, {"timeouts": {"connect": "3s"}, "rescue": {"after": "2s"}}),
    "age_idle": ({}, {"timeouts": {"connection_age": "40s"}}),
}

FINE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "keep_alive": ({"client": {"keep_alive": "61s"}}, {}),
    "lease": ({"lease": "6s", "hang": "6s"}, {}),
    "drain": ({"drain": "30s"}, {}),
    "pair_wait": ({"pair_wait": "30s"}, {"shadows": SHADOWED}),
    "total_response": ({}, {"timeouts": {"total": "30s"}}),
    "total_rescue": ({}, {"timeouts": {"total": "5s", "response": "5s"}, "rescue": {"after": "4s"}}),
    "response_connect": ({}, {"timeouts": {"response": "3s", "connect": "3s"}}),
    "rescue_connect": ({}, {"timeouts": {"connect": "2s"}, "rescue": {"after": "2s"}}),
    "age_idle": ({}, {"timeouts": {"connection_age": "50s"}}),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_tells_beyond_its_border_and_not_on_it(rule: Any) -> None:
    bad, good = (
        settings(BROKEN[rule.name][0], **BROKEN[rule.name][1]),
        settings(FINE[rule.name][0], **FINE[rule.name][1]),
    )
    assert rule.broken(bad, bad.routes[0]) and not rule.broken(good, good.routes[0])
    place = f"routes.r.{rule.path}" if rule.of_route else rule.path
    assert any(hint.startswith(f"{place}: ") for hint in hints(bad))


@pytest.mark.parametrize("protocol", ["json", "oip", "kserve-v1", "mlflow", "opaque"])
def test_defaults_do_not_contradict_each_other(protocol: str) -> None:
    assert hints(settings(protocol=protocol, shadows=SHADOWED)) == ()


@pytest.mark.parametrize("protocol", ["openai", "auto"])
def test_an_answer_that_may_take_minutes_is_told_to_be_cut_off_by_the_drain(protocol: str) -> None:
    (hint,) = hints(settings(protocol=protocol, shadows=SHADOWED))
    assert "10 min" in hint and "raise drain" in hint and "30 s" in hint
    assert hints(settings({"drain": "10m"}, protocol=protocol, shadows=SHADOWED)) == ()


SECONDS = st.integers(1, 1000).map(lambda seconds: f"{seconds}s")


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("lease", "drain", "hang", "pair_wait"), SECONDS)),
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("connect", "response", "idle", "total", "connection_age"), SECONDS)
    ),
)
def test_what_is_told_is_so(top: dict[str, Any], times: dict[str, Any]) -> None:
    """A sentence for each broken rule, and both numbers in each."""
    it = settings(top, timeouts=times, shadows=SHADOWED)
    told = list(contradictions(it))
    broken = [rule for rule in RULES if rule.broken(it, it.routes[0])]
    assert len(told) == len(broken)
    for hint, rule in zip(told, broken, strict=True):
        assert all(in_units(each(it, it.routes[0])) in hint for each in (rule.small, rule.large))
