"""Membership of a sidecar in a fleet, as configured."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from proxy.contracts.tls import ClientTls

OnLost = Literal["primary", "hold"]


class Fleet(Struct, frozen=True):
    """Sidecars that share one table and one verdict."""

    redis: str
    """Address of the store that they share, with its secrets."""
    name: str
    """Name of the fleet in that store."""
    lease: float = 10.0
    """Seconds without the store after which a sidecar is apart."""
    on_lost: OnLost = "primary"
    """What a sidecar does then: send everything to the primaries, or hold the split that it has."""
    instance: str = ""
    """Name of this sidecar in its fleet, the same after a restart; "": that of its host."""
    sentinel_password: str = ""
    """What the sentinels themselves ask for; "": nothing."""
    tls: ClientTls | None = None
    """TLS towards the store; None: as its address says."""
