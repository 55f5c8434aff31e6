"""Versions whose certificates nobody looks at, as warnings of the routes that they serve."""

from __future__ import annotations

from proxy.contracts.settings import Settings


def unverified(settings: Settings, route: str) -> list[str]:
    """A sentence for each such version of a route."""
    named = next((each.named for each in settings.routes if each.name == route), [])
    return [
        f"{name} is not verified (tls.insecure_skip_verify): whoever answers in its place is believed"
        for name in named
        if name in settings.tls and settings.tls[name].insecure_skip_verify
    ]
