"""Digests of a configuration: sidecars of one fleet must say the same about a route before its release goes forward."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from proxy.contracts.settings import RouteSettings, Settings
from proxy.control.fleet.bodies import MemberRow

DIGITS = 16


def digests_of(settings: Settings) -> dict[str, str]:
    """Route to the digest of its section, with the names of versions and not their addresses: sidecars stand beside
    different servers."""
    return {route.name: _digest(route) for route in settings.routes}


def digest_of(settings: Settings) -> str:
    """The digest of all sections."""
    return _hashed(sorted(digests_of(settings).items()))


def _digest(route: RouteSettings) -> str:
    # The digest of what was written has the addresses in it.
    return _hashed(msgspec.to_builtins(replace(route, digest=""), str_keys=True))


def _hashed(value: object) -> str:
    return sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:DIGITS]


def in_minority(own: str, members: Iterable[MemberRow]) -> bool:
    """Whether more than half of the members have one other configuration: then they judge."""
    digests = Counter(member.settings for member in members)
    if not digests:
        return False
    common, count = digests.most_common(1)[0]
    return common != own and 2 * count > digests.total()
