"""The configuration of running processes: control is restarted while the file may be changed or broken.

The supervisor keeps the settings in force in an anonymous file that control inherits. A control process that starts
over a broken file takes those up, so that a crash never turns a typing mistake into an outage; its next `load` raises,
and the mistake is shown wherever control shows it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from zlib import crc32

import msgspec

from proxy.config import load
from proxy.contracts.settings import ConfigError, Problem, Settings

log = logging.getLogger("penumbra.config")

_HEADER = 8


class SettingsSlot:
    """`fd`: a file that lives as long as any process holds it. A torn write reads as no settings."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, settings: Settings) -> None:
        """Replaces the settings."""
        body = msgspec.msgpack.encode(settings)
        os.pwrite(self._fd, len(body).to_bytes(4, "big") + crc32(body).to_bytes(4, "big") + body, 0)

    def read(self) -> Settings | None:
        """The settings that were written last, or None."""
        header = os.pread(self._fd, _HEADER, 0)
        body = os.pread(self._fd, int.from_bytes(header[:4], "big"), _HEADER)
        if len(header) < _HEADER or crc32(body) != int.from_bytes(header[4:], "big"):
            return None
        return msgspec.msgpack.decode(body, type=Settings)


class Loader:
    """Loads the file at `path`; only its first call may fall back to the settings in force."""

    __slots__ = ("_environ", "_first", "_path", "_slot")

    def __init__(self, path: str, slot: SettingsSlot, environ: Mapping[str, str] = os.environ) -> None:
        self._path = path
        self._slot = slot
        self._environ = environ
        self._first = True

    def __call__(self) -> Settings:
        """The settings to use from now on. Raises ConfigError."""
        running, first, self._first = self._slot.read(), self._first, False
        try:
            settings = load(self._path, self._environ)
            if running is not None:
                refuse_what_needs_a_restart(running, settings)
        except ConfigError as error:
            if not first or running is None:
                raise
            log.error("the configuration cannot be used, going on with the one in force:\n%s", error)
            return running
        self._slot.write(settings)
        return settings


def refuse_what_needs_a_restart(running: Settings, wanted: Settings) -> None:
    """Raises ConfigError when `wanted` differs in what belongs to the supervisor or to the store that is open."""
    before, after = _fixed(running), _fixed(wanted)
    changed = [key for key in after if after[key] != before[key]]
    if changed:
        raise ConfigError(tuple(Problem(key, after[key], f"{before[key]} until a restart") for key in changed))


def _fixed(settings: Settings) -> dict[str, str]:
    return {
        "listen": f"{settings.listen.host}:{settings.listen.port}",
        "admin.listen": f"{settings.admin.listen.host}:{settings.admin.listen.port}",
        "workers": str(settings.workers),
        "drain": f"{settings.drain:g}s",
        "connections": str(settings.connections),
        "state": settings.state,
    }
