"""Servers whose certificates nobody looks at, as warnings of the routes that they serve."""

from __future__ import annotations

from proxy.contracts.settings import Settings
from proxy.contracts.tls import ClientTls
from proxy.contracts.tls_roles import judge_role, place_of, sections


def unverified(settings: Settings, route: str) -> list[str]:
    """A sentence for each version of a route, its judge, and each server that this program calls for all of them."""
    return [
        f"{_named(role)} is not verified (tls.insecure_skip_verify): whoever answers in its place is believed"
        for role, tls in sections(settings).items()
        if isinstance(tls, ClientTls) and tls.insecure_skip_verify and _serves(settings, role, route)
    ]


def _serves(settings: Settings, role: str, route: str) -> bool:
    found = next((each for each in settings.routes if each.name == route), None)
    if found is None:
        return False
    own = {judge_role(route), *(f"versions.{name}" for name in found.named)}
    return role in own or not role.startswith(("versions.", "routes."))


def _named(role: str) -> str:
    return role.removeprefix("versions.") if role.startswith("versions.") else place_of(role).removesuffix(".tls")
