"""The CPUs of all processes: the affinity mask and the quota, and what they are for."""

from __future__ import annotations

import logging

import pytest
from msgspec.structs import replace

from proxy import processors
from proxy.config.load import parse
from proxy.contracts.settings import Settings

SETTINGS = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
workers: auto
analysis_cpu: 20
versions: {a: {url: http://127.0.0.1:1}}
routes: {r: {match: {path: /}, protocol: json, primary: a}}
"""


def host(monkeypatch: pytest.MonkeyPatch, mask: int, quota: float | None) -> Settings:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(mask)))
    monkeypatch.setattr(processors, "cpu_quota", lambda: quota)
    return parse(SETTINGS, {})


@pytest.mark.parametrize(
    ("mask", "quota", "workers", "part"),
    [
        (4, None, 4, 0.2),
        (4, 2.0, 2, 0.2),
        (4, 2.9, 2, 0.2),  # the rest is control's
        (4, 16.0, 4, 0.2),
        (4, 0.5, 1, 0.1),  # a fifth of the half
        (1, None, 1, 0.2),
    ],
)
def test_workers_and_analysis(
    monkeypatch: pytest.MonkeyPatch, mask: int, quota: float | None, workers: int, part: float
) -> None:
    settings = host(monkeypatch, mask, quota)
    assert settings.workers == workers
    assert processors.with_processors(settings).analysis_part == pytest.approx(part)


def test_the_choice_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    settings = host(monkeypatch, 4, 1.5)
    with caplog.at_level(logging.INFO, "penumbra.supervisor"):
        processors.with_processors(settings)
        processors.with_processors(replace(settings, workers=3))
    assert [record.message for record in caplog.records] == ["processors", "processors", "more workers than processors"]
