"""What all tests share. Properties are about results, not speed: a slow machine must not fail them."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("penumbra", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("penumbra")
