"""What all tests share. Properties are about results, not speed: a slow machine must not fail them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("penumbra", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("penumbra")

LONG = ("test_compiled", "e2e", "process", "demo", "dataplane")
"""Files and folders that take long, the longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long begins first, so that several processes end at about the same time."""
    items.sort(key=lambda item: _rank(item.path.relative_to(config.rootpath / "tests").parts[0].removesuffix(".py")))


def _rank(name: str) -> int:
    return LONG.index(name) if name in LONG else len(LONG)
