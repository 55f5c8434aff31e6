"""Where a program listens: a TCP address, or a port of every address of the host."""

from __future__ import annotations

from msgspec import Struct


class Address(Struct, frozen=True):
    """A TCP address to listen on."""

    host: str
    """"": every address of the host, of IPv4 and of IPv6, as far as its kernel has them."""
    port: int
    """0: the kernel chooses."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host or '*'}:{self.port}"
