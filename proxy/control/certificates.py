"""Rotation of certificates: files are looked at, and what they hold is put in force while connections go on.

Rules:
- a file is known by where its path leads now, and by that file's own marks: Kubernetes exchanges the folder that a link
  leads to and never touches the path;
- the files of a section are read together, and again when one has moved meanwhile: half of one rotation and half of the
  next are never taken for one;
- what is in force stays until something that can be used is there: files that are missing for a moment, half-written,
  of two rotations, or expired change nothing. What stays so for longer than `GRACE_SECONDS` is told;
- an older certificate that is still valid is as good as any: who puts it there wants it.

A broken configuration stops no rotation, and broken files stop no reload. A file that is mounted by `subPath` is never
exchanged by Kubernetes: mount the folder.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.tls import TlsMaterial, is_soon
from proxy.contracts.tls_roles import Tls, place_of, sections, with_material

log = logging.getLogger("penumbra.certificates")

POLL_SECONDS = 1.0
"""Seconds between two looks at the files: a dozen calls of stat."""

GRACE_SECONDS = 3.0
"""Seconds for which files may be unusable before anybody is told: a rotation is no fault."""

AGAIN_SECONDS = 10.0
"""Seconds after which files that could not be used are read again although they stand still: time alone makes some of
them valid."""

MAX_READS = 3
"""Attempts at files that move while they are read; the next look tries again."""

Stamps = tuple[tuple[object, ...], ...]


class FilesRead(Protocol):
    """What the files of a section hold; `faults` are sentences where they cannot be used."""

    @property
    def material(self) -> TlsMaterial | None: ...
    @property
    def faults(self) -> tuple[object, ...]: ...


class CertificateFiles(NamedTuple):
    """What reads files, and keeps settings for the next control process; the configuration's."""

    paths: Callable[[Tls], Mapping[str, str]]
    read: Callable[[Tls, float], FilesRead]
    """At a time in Unix seconds."""
    keep: Callable[[Settings], None]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The files of a section at the last look."""

    paths: Mapping[str, str]
    stamps: Stamps
    material: TlsMaterial
    """In force then."""
    fault: str = ""
    """Why they cannot be used."""
    since: float = 0.0
    """Since when."""
    tried: float = 0.0
    told: bool = False


class Certificates:
    """`look` now and then. `faults` are those of roles whose files cannot be used, `by_route` warnings to show."""

    def __init__(
        self,
        files: CertificateFiles,
        in_force: Callable[[], Settings],
        adopt: Callable[[Settings], None],
        wall: Callable[[], float],
    ) -> None:
        self._files, self._in_force, self._adopt, self._wall = files, in_force, adopt, wall
        self._seen: dict[str, _Seen] = {}
        self._task: asyncio.Task[None] | None = None
        self._last = 0.0
        self.by_route: dict[str, str] = {}
        """Live: the object stays the same."""

    # -- what is

    @property
    def in_force(self) -> dict[str, TlsMaterial]:
        """Role to what is in force."""
        return {role: tls.material for role, tls in sections(self._in_force()).items()}

    @property
    def faults(self) -> dict[str, str]:
        """Role to why its files cannot be used, where that has lasted."""
        return {role: seen.fault for role, seen in self._seen.items() if seen.told}

    # -- a look

    def look(self, now: float) -> None:
        """Looks at the files in a thread, where a look is due and none is under way: a volume may stand still."""
        if now - self._last >= POLL_SECONDS and (self._task is None or self._task.done()):
            self._last = now
            self._task = asyncio.get_running_loop().create_task(self._turn())

    async def _turn(self) -> None:
        try:
            wanted = sections(self._in_force())
            found = await asyncio.to_thread(self.renewed, wanted, self._wall()) if wanted else {}
            self.settle(wanted, found, self._wall())
        except Exception:
            log.exception("looking at certificates failed")

    def settle(self, wanted: Mapping[str, Tls], found: Mapping[str, TlsMaterial], now: float) -> None:
        """Puts in force what was found, less what a reload has changed meanwhile."""
        settings = self._in_force()
        present = sections(settings)
        renewed = {role: held for role, held in found.items() if present.get(role) == wanted[role]}
        if renewed:
            settings = with_material(settings, renewed)
            self._files.keep(settings)
            self._adopt(settings)
            for role, held in renewed.items():
                _tell(role, wanted[role].material, held)
        self.by_route.clear()
        self.by_route.update(_by_route(settings, self._sentences(settings, now)))

    def renewed(self, wanted: Mapping[str, Tls], now: float) -> dict[str, TlsMaterial]:
        """Role to what its files hold now, where that can be used and is not what is in force."""
        found: dict[str, TlsMaterial] = {}
        seen: dict[str, _Seen] = {}
        for role, tls in wanted.items():
            seen[role] = self._looked(role, tls, now)
            if not seen[role].fault and seen[role].material != tls.material:
                found[role] = seen[role].material
        self._seen = seen
        return found

    def _looked(self, role: str, tls: Tls, now: float) -> _Seen:
        paths, before = self._files.paths(tls), self._seen.get(role)
        stamps = tuple(map(_stamp, paths.values()))
        is_known = before is not None and (before.paths, before.stamps, before.material) == (
            paths,
            stamps,
            tls.material,
        )
        if before is not None and is_known and (not before.fault or now - before.tried < AGAIN_SECONDS):
            return _told(role, before, tls, now) if before.fault else before
        for _ in range(MAX_READS):
            read = self._files.read(tls, now)
            again = tuple(map(_stamp, paths.values()))
            if again == stamps:
                return self._judged(role, tls, _Seen(paths, stamps, tls.material, tried=now), read, now)
            stamps = again
        return self._seen.get(role) or _Seen(paths, (), tls.material)

    def _judged(self, role: str, tls: Tls, seen: _Seen, read: FilesRead, now: float) -> _Seen:
        before = self._seen.get(role)
        if read.material is not None and not read.faults:
            if before is not None and before.told:
                log.info("%s: its files can be used again", place_of(role))
            return replace(seen, material=read.material)
        since = before.since if before is not None and before.fault else now
        told = before is not None and before.told
        fault = "; ".join(map(str, read.faults))
        return _told(role, replace(seen, fault=fault, since=since, told=told), tls, now)

    def _sentences(self, settings: Settings, now: float) -> dict[str, str]:
        """Role to what is to be warned of."""
        said: dict[str, str] = {}
        faults = self.faults
        for role, tls in sections(settings).items():
            told = [f"its files cannot be used: {faults[role]}"] if role in faults else []
            if sentence := _of_time(tls.material, now):
                told.append(sentence)
            if told:
                said[role] = f"{place_of(role)}: {'; '.join(told)}"
        return said


def _of_time(held: TlsMaterial, now: float) -> str:
    if held.not_after and held.not_after <= now:
        return f"the certificate in force expired on {_moment(held.not_after)}"
    if held.not_after and is_soon(held.not_before, held.not_after, now):
        return f"the certificate in force expires soon, on {_moment(held.not_after)}"
    return ""


def _told(role: str, seen: _Seen, tls: Tls, now: float) -> _Seen:
    """What was seen, told once it has lasted."""
    if seen.told or now - seen.since < GRACE_SECONDS:
        return seen
    end = f", which ends on {_moment(tls.material.not_after)}" if tls.material.not_after else ""
    log.error("%s: its files cannot be used, what is in force stays%s: %s", place_of(role), end, seen.fault)
    return replace(seen, told=True)


def _tell(role: str, before: TlsMaterial, after: TlsMaterial) -> None:
    if after.not_before < before.not_before:
        log.warning("%s: the new certificate is older than the one before", place_of(role))
    if missing := sorted(set(before.names) - set(after.names)):
        log.warning("%s: the new certificate has not the names %s", place_of(role), ", ".join(missing[:8]))
    what = f"{', '.join(after.names[:8])} until {_moment(after.not_after)}" if after.not_after else "authorities"
    log.info("%s: new files are in force: %s", place_of(role), what)


def _by_route(settings: Settings, sentences: Mapping[str, str]) -> dict[str, str]:
    """Route to its warnings: a version's and a judge's are those of the routes that name it, others are everybody's."""
    pairs = ((route.name, "; ".join(_of_route(route, sentences))) for route in settings.routes)
    return {name: text for name, text in pairs if text}


def _of_route(route: RouteSettings, sentences: Mapping[str, str]) -> Iterator[str]:
    named = {f"versions.{name}" for name in _versions(route)} | {f"routes.{route.name}.analysis.judge"}
    for role, sentence in sentences.items():
        if role in named or not role.startswith(("versions.", "routes.")):
            yield sentence


def _versions(route: RouteSettings) -> Iterator[str]:
    yield route.primary
    yield from (share.version for share in (*route.split, *route.shadows))
    if route.baseline:
        yield route.baseline.version
    if route.release:
        yield from (route.release.candidate, *route.release.arms)


def _stamp(path: str) -> tuple[object, ...]:
    """A value that changes when the path leads to another file, or that file changes."""
    try:
        leads_to = os.path.realpath(path, strict=True)
        status = os.stat(leads_to)
    except (OSError, ValueError) as error:
        return path, str(error)
    return leads_to, status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
