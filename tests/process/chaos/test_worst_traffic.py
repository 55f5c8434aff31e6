"""The worst traffic that was found, for a few seconds and with a quarter of its clients, in 512 MiB."""

from __future__ import annotations

from tests.process.chaos.worst_traffic import attack


def test_the_worst_traffic_kills_nothing_in_512_mib() -> None:
    figures = attack(8.0, 0.25)
    assert not figures.wrong, str(figures)
    assert figures.results["good"] > 100
