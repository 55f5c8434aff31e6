"""The memory of all processes: the configuration's word, else the host's limit, else what is usual."""

from __future__ import annotations

import logging
import resource

import pytest
from msgspec.structs import replace

from proxy import memory
from proxy.config.load import parse
from proxy.contracts.memory import MIB, least
from proxy.contracts.settings import Settings

SETTINGS = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
versions: {a: {url: http://127.0.0.1:1}}
routes: {r: {match: {path: /}, protocol: json, primary: a}}
"""
GIB = 1024 * MIB


@pytest.fixture
def settings() -> Settings:
    return parse(SETTINGS, {})


@pytest.mark.parametrize(
    ("workers", "host", "physical", "total"),
    [
        (1, 512 * MIB, 32 * GIB, int(512 * MIB * 0.85)),
        (1, 64 * GIB, 32 * GIB, int(32 * GIB * 0.85)),  # a limit beyond what there is limits nothing
        (1, None, 32 * GIB, 1536 * MIB),
        (4, None, 32 * GIB, 3 * GIB),
        (4, None, 4 * GIB, 2 * GIB),
    ],
)
def test_where_the_configuration_says_nothing(workers: int, host: int | None, physical: int, total: int) -> None:
    assert memory.usual(workers, host, physical) == total


def test_the_least_of_the_limits_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    soft = {resource.RLIMIT_AS: resource.RLIM_INFINITY, resource.RLIMIT_DATA: 300 * MIB}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft[kind], resource.RLIM_INFINITY))
    monkeypatch.setattr(memory, "memory_limit", lambda: 400 * MIB)
    assert memory.host_limit() == 300 * MIB
    soft[resource.RLIMIT_DATA] = resource.RLIM_INFINITY
    assert memory.host_limit() == 400 * MIB
    monkeypatch.setattr(memory, "memory_limit", lambda: None)
    assert memory.host_limit() is None


def test_what_is_configured_holds(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "host_limit", lambda: 512 * MIB)
    with caplog.at_level(logging.INFO, "penumbra.supervisor"):
        found = memory.with_memory(replace(settings, memory_limit=256 * MIB))
    assert found.memory_total == 256 * MIB
    assert [record.message for record in caplog.records] == ["memory"]
    assert found.memory + found.worker_memory <= 256 * MIB


@pytest.mark.parametrize(("configured", "host"), [(None, 100 * MIB), (1 * GIB, 512 * MIB)])
def test_a_host_with_less_is_told_and_served(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    configured: int | None,
    host: int,
) -> None:
    monkeypatch.setattr(memory, "host_limit", lambda: host)
    found = memory.with_memory(replace(settings, memory_limit=configured))
    assert found.memory_total == (configured or least(1))
    assert [record.message for record in caplog.records] == ["memory is short"]
