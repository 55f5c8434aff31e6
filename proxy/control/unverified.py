"""Servers whose certificates nobody looks at, as warnings of the routes that they serve."""

from __future__ import annotations

from proxy.contracts.settings import Settings
from proxy.contracts.tls import ClientTls
from proxy.contracts.tls_roles import judge_role, place_of, sections


class Unverified:
    """The sentences of each route, of the settings that were asked about last: all of them are made at once, since to
    look through a thousand routes for each of a thousand is what nobody has time for."""

    __slots__ = ("_sentences", "_settings")

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._sentences: dict[str, list[str]] = {}

    def of(self, settings: Settings, route: str) -> list[str]:
        """A sentence for each version of a route, its judge, and each server that is called for all routes."""
        if settings is not self._settings:
            self._settings, self._sentences = settings, by_route(settings)
        return self._sentences.get(route, [])


def by_route(settings: Settings) -> dict[str, list[str]]:
    """Route to its sentences."""
    roles = [
        role for role, tls in sections(settings).items() if isinstance(tls, ClientTls) and tls.insecure_skip_verify
    ]
    if not roles:
        return {}
    found = {}
    for route in settings.routes:
        own = {judge_role(route.name), *(f"versions.{name}" for name in route.named)}
        found[route.name] = [_sentence(role) for role in roles if role in own or _serves_all(role)]
    return found


def _serves_all(role: str) -> bool:
    return not role.startswith(("versions.", "routes."))


def _sentence(role: str) -> str:
    return f"{_named(role)} is not verified (tls.insecure_skip_verify): whoever answers in its place is believed"


def _named(role: str) -> str:
    return role.removeprefix("versions.") if role.startswith("versions.") else place_of(role).removesuffix(".tls")
