"""What all tests share. Properties are about results, not speed: a slow machine must not fail them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.support import compiled

settings.register_profile("penumbra", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("penumbra")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Compiling takes half a minute: it begins as soon as it is known to be wanted, and goes on beside other tests."""
    if any(item.path.name == "test_compiled.py" for item in session.items) and not session.config.option.collectonly:
        compiled.begin()


def pytest_sessionfinish() -> None:
    compiled.end()
