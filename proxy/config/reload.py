"""The configuration of running processes: control is restarted while the file may be changed or broken.

The supervisor keeps the settings in force in an anonymous file that control inherits. A control process that starts
over a broken file takes those up, so that a crash never turns a typing mistake into an outage; its next `load` raises,
and the mistake is shown wherever control shows it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from hashlib import sha256
from zlib import crc32

import msgspec
from msgspec.structs import asdict, replace

from proxy.config.load import load
from proxy.contracts.client_bounds import ClientBounds
from proxy.contracts.settings import ConfigError, Problem, Settings
from proxy.contracts.tls import ServerTls

log = logging.getLogger("penumbra.config")

_HEADER_BYTES = 8


class SettingsSlot:
    """The settings in force, in an anonymous file (`fd`) that lives as long as any process holds it.

    A checksum detects a torn write, which reads as no settings.
    """

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, settings: Settings) -> None:
        """Replaces the settings."""
        body = msgspec.msgpack.encode(settings)
        os.pwrite(self._fd, len(body).to_bytes(4, "big") + crc32(body).to_bytes(4, "big") + body, 0)

    def read(self) -> Settings | None:
        """The settings that were written last, or None."""
        header = os.pread(self._fd, _HEADER_BYTES, 0)
        body = os.pread(self._fd, int.from_bytes(header[:4], "big"), _HEADER_BYTES)
        if len(header) < _HEADER_BYTES or crc32(body) != int.from_bytes(header[4:], "big"):
            return None
        return msgspec.msgpack.decode(body, type=Settings)


class Loader:
    """Loads the file at `path`; only its first call may fall back to the settings in force."""

    __slots__ = ("_environ", "_first", "_path", "_slot", "_writing")

    def __init__(self, path: str, slot: SettingsSlot, environ: Mapping[str, str] = os.environ) -> None:
        self._path = path
        self._slot = slot
        self._environ = environ
        self._first = True
        self._writing = threading.Lock()

    def __call__(self) -> Settings:
        """The settings to use from now on. Raises ConfigError."""
        with self._writing:
            running, first, self._first = self._slot.read(), self._first, False
        try:
            settings = load(self._path, self._environ, serving=True, running=running)
            if running is not None:
                settings = as_started(running, settings)
                refuse_what_needs_a_restart(running, settings)
        except ConfigError as error:
            if not first or running is None:
                raise
            log.error("the configuration cannot be used, going on with the one in force:\n%s", error)
            return running
        self.keep(settings)
        return settings

    def keep(self, settings: Settings) -> None:
        """Makes settings those in force, for the next control process. A reload may be under way in another thread."""
        with self._writing:
            self._slot.write(settings)


def as_started(running: Settings, wanted: Settings) -> Settings:
    """The wanted settings with what the host had at the start, though it may have more or less by now."""
    found = {key: getattr(running, key) for key in ("memory_total", "processors")}
    if running.workers_auto and wanted.workers_auto:
        found["workers"] = running.workers
    return replace(wanted, **found)


def said(bounds: ClientBounds) -> str:
    """Bounds of clients in one line."""
    given = {name: value for name, value in asdict(bounds).items() if value is not None}
    return ", ".join(f"{name} {value:g}" for name, value in given.items())


def _fleet_of(settings: Settings) -> str:
    """A fleet in words, without its secrets."""
    fleet = settings.fleet
    if fleet is None:
        return "no fleet"
    at = sha256(f"{fleet.redis} {fleet.sentinel_password}".encode()).hexdigest()[:8]
    instance = fleet.instance or "host"
    return f"{fleet.name} (redis {at}, lease {fleet.lease:g}s, on_lost {fleet.on_lost}, instance {instance})"


def _asks(tls: ServerTls | None) -> str:
    """Whether a listener asks its clients for certificates: those that are connected were let in by that."""
    return tls.client if tls else "no tls"


def _listeners_of(settings: Settings) -> str:
    """Several listeners in words."""
    pairs = zip(settings.listen, settings.listener_of, strict=False)
    said = (f"[{index}] {address} ({_asks(settings.listeners_tls[index])})" for address, index in pairs)
    return ", ".join(said) or "none"


FIXED: dict[str, Callable[[Settings], str]] = {
    "listen": lambda settings: "" if settings.listener_of else ", ".join(map(str, settings.listen)),
    "tls.client": lambda settings: "" if settings.listener_of else _asks(next(iter(settings.listeners_tls), None)),
    "listeners": lambda settings: _listeners_of(settings),
    "admin.listen": lambda settings: ", ".join(map(str, settings.admin.listen)),
    "admin.tls.client": lambda settings: _asks(settings.admin.tls),
    "workers": lambda settings: str(settings.workers),
    "drain": lambda settings: f"{settings.drain:g}s",
    "hang": lambda settings: f"{settings.hang:g}s",
    "connections": lambda settings: str(settings.connections),
    "client": lambda settings: said(settings.client),
    "limits.memory": lambda settings: f"{settings.memory_limit} bytes" if settings.memory_limit else "nothing",
    "state": lambda settings: settings.state,
    "fleet": lambda settings: _fleet_of(settings),
    "audit.anchor": lambda settings: settings.audit_anchor or "nothing",
}
"""Options that a reload cannot change, with their values as text: they belong to the supervisor or the open store."""


def refuse_what_needs_a_restart(running: Settings, wanted: Settings) -> None:
    """Raises ConfigError when `wanted` differs in what is `FIXED`."""
    pairs = ((key, shown(wanted), shown(running)) for key, shown in FIXED.items())
    changed = tuple(Problem(key, after, f"{before} until a restart") for key, after, before in pairs if after != before)
    if changed:
        raise ConfigError(changed)
