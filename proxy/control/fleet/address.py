"""The address of a fleet's store, as `fleet.redis` gives it; read without the client library.

| form | what it is |
|---|---|
| `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]` | one server |
| `rediss://…` | the same by TLS |
| `redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT…/SERVICE[/DATABASE]` | the primary that the sentinels name |
| `redis+cluster://[USER:PASSWORD@]HOST:PORT,HOST:PORT…` | a cluster, in which a fleet has one slot |

`rediss+sentinel` and `rediss+cluster` are the same by TLS; `valkey` stands for `redis` everywhere.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import unquote

from msgspec import Struct

Kind = Literal["server", "sentinel", "cluster"]

DEFAULT_PORT: dict[Kind, int] = {"server": 6379, "sentinel": 26379, "cluster": 6379}

_KINDS: dict[str, Kind] = {"": "server", "+sentinel": "sentinel", "+cluster": "cluster"}

SCHEMES: dict[str, tuple[Kind, bool]] = {
    f"{engine}{tls}{behind}": (kind, bool(tls))
    for engine in ("redis", "valkey")
    for tls in ("", "s")
    for behind, kind in _KINDS.items()
}
"""Scheme → what stands there, and whether it is spoken to by TLS."""

MAX_DATABASE = 1023


class StoreAddress(Struct, frozen=True):
    """The store's place, and who asks."""

    kind: Kind
    places: tuple[tuple[str, int], ...]
    """Host and port of each server that is named."""
    user: str = ""
    password: str = ""
    database: int = 0
    service: str = ""
    """Name of the primary among sentinels."""
    encrypted: bool = False
    """Whether all of them are spoken to by TLS."""
    sentinel: dict[str, Any] = {}
    """User and password of the sentinels themselves, where they are asked for."""

    @property
    def shown(self) -> str:
        """The address without secrets, for people."""
        return "Redis at " + ", ".join(f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self.places)


def address_of(text: str) -> StoreAddress:
    """Reads an address. Raises ValueError with a sentence that quotes no secret."""
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in SCHEMES:
        raise ValueError(f"a URL that begins with one of {', '.join(f'{known}://' for known in SCHEMES)} is expected")
    kind, encrypted = SCHEMES[scheme]
    if "?" in rest or "#" in rest:
        raise ValueError("options behind ? are not understood: name them under fleet")
    before, at, after = rest.rpartition("@")
    user, password = _who(before) if at else ("", "")
    hosts, _, path = after.partition("/")
    places = tuple(_place(host, DEFAULT_PORT[kind]) for host in hosts.split(","))
    if kind == "server" and len(places) > 1:
        raise ValueError("redis:// names one server; several are redis+sentinel:// or redis+cluster://")
    service, database = _behind(kind, path.strip("/").split("/") if path.strip("/") else [])
    return StoreAddress(kind, places, user, password, database, service, encrypted)


def _who(text: str) -> tuple[str, str]:
    user, _, password = text.partition(":")
    return unquote(user), unquote(password)


def _place(text: str, default: int) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if ":" in text.rpartition("]")[2] else (text, "", "")
    host = host.removeprefix("[").removesuffix("]")
    if not host or any(character.isspace() for character in host):
        raise ValueError("a host is missing")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{port[:20]!r} is no port: 1 to 65535 is expected")
    return host, int(port) if port else default


def _behind(kind: Kind, parts: list[str]) -> tuple[str, int]:
    """The service of sentinels, and the number of the database."""
    service = ""
    if kind == "sentinel":
        if not parts:
            raise ValueError("the name of the primary is missing: redis+sentinel://HOST:PORT/NAME")
        service, *parts = parts
    if not parts:
        return unquote(service), 0
    number = parts[0]
    if len(parts) > 1 or not (number.isascii() and number.isdecimal() and int(number) <= MAX_DATABASE):
        raise ValueError(f"{'/'.join(parts)[:40]!r} is no database: a number up to {MAX_DATABASE} is expected")
    if kind == "cluster" and int(number):
        raise ValueError("a cluster has database 0 alone")
    return unquote(service), int(number)
