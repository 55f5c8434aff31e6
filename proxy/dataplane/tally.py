"""Exact counters of a worker, one arm for each (route, version, role, share). Every leg is counted, none is sampled.

The share is part of the key because evidence needs the share at which a request was *assigned*; a change of the split
begins new arms. Requests that are no inference count on arms of their own, because they are evidence of nothing.
"""

from __future__ import annotations

from typing import Final

from proxy.contracts.grpc_status import LABELS, OK
from proxy.contracts.identity import MAX_TICK_IDENTITIES, bounded
from proxy.contracts.outcome import Outcome
from proxy.contracts.record import MAX_FAILED_KEYS, ArmTick, Tick, TlsSide
from proxy.contracts.table import COPY_ROLES, Role
from proxy.dataplane.malformed import Malformed
from proxy.dataplane.times import Times

UNJUDGED: Final = frozenset(("primary", "rescue", "noise"))
"""Roles whose legs are no evidence against a candidate."""

URGENT_LEGS: Final = 4
"""Bad legs of a judged version since the last tick that do not wait for the next one: at a thousand requests a second a
dead candidate gets fifty more in that time. One or two are the usual errors of a healthy one."""

ArmKey = tuple[str, str, Role, float, bool]


class Arm:
    """The counters of one arm since the last tick, and its legs in flight now. `ok`: the answers with 200, which are
    most; `codes` has the others. `due`: copies that were due by the configured percentage."""

    __slots__ = (
        "codes",
        "connect",
        "copies",
        "disturbed",
        "due",
        "first_byte",
        "forgotten",
        "identities",
        "inference",
        "inflight",
        "key",
        "keys",
        "ok",
        "role",
        "route",
        "share",
        "total",
        "version",
        "waited",
    )

    def __init__(self, key: ArmKey) -> None:
        self.key = key
        self.route, self.version, self.role, self.share, self.inference = key
        self.copies = self.role in COPY_ROLES
        self.inflight = 0
        self.forgotten = False
        self.due = 0
        self.waited, self.disturbed = Times(), Times()
        self.total, self.first_byte, self.connect = Times(), Times(), Times()
        self._clear()

    def _clear(self) -> None:
        self.ok = 0
        self.codes: dict[int | str, int] = {}
        self.keys: dict[Outcome, list[int]] = {}
        self.identities: dict[bytes, int] = {}

    def answered(self, status: int, first_byte: float, total: float, key: int, label: str = "") -> None:
        """A leg was answered, after these seconds. `key`: the hash of its request's sticky key, 0: none; `label`: what
        it counts as, where that is not its status."""
        if status == 200 and not label:
            self.ok += 1
        else:
            code: int | str = label or status
            self.codes[code] = self.codes.get(code, 0) + 1
        self.total.add(total)
        self.first_byte.add(first_byte)
        if key and status >= 300:
            self._remember("failed" if status >= 500 else "refused", key)

    def stalled(self, total: float) -> None:
        """The worker stood still during a leg that was answered after `total` seconds."""
        self.disturbed.add(total)

    def failed(self, reason: str, outcome: Outcome, waited: float | None, key: int) -> None:
        """A leg ended without an answer of its own, `waited` seconds after it began; None: the worker stood still
        meanwhile, so that they say nothing about the version."""
        self.codes[reason] = self.codes.get(reason, 0) + 1
        if self.copies and outcome == "abandoned":
            return
        if outcome == "abandoned" and waited is not None:
            self.waited.add(waited)
        if key and outcome != "limited":
            self._remember(outcome, key)

    def _remember(self, outcome: Outcome, key: int) -> None:
        keys = self.keys.get(outcome)
        if keys is None:
            self.keys[outcome] = [key]
        elif len(keys) < MAX_FAILED_KEYS:
            keys.append(key)

    def named(self, header: bytes, value: bytes | None) -> None:
        """An answer of success says by a header who gave it; an absent or empty one says nothing."""
        if not value:
            return
        who = header + b"=" + value
        if who not in self.identities and len(self.identities) >= MAX_TICK_IDENTITIES:
            who = b""
        self.identities[who] = self.identities.get(who, 0) + 1

    def connected(self, seconds: float) -> None:
        """A connection for a leg of this arm was made."""
        self.connect.add(seconds)

    def counts(self) -> bool:
        """Whether a leg was counted since the last tick."""
        return self.ok > 0 or bool(self.codes)

    def bad(self) -> int:
        """Legs since the last tick that speak against the version, as far as heads and connections tell."""
        codes = self.codes.items()
        return sum([count for code, count in codes if (code >= 300 if isinstance(code, int) else code != LABELS[OK])])

    def take(self) -> ArmTick:
        """Counts since the last call."""
        codes = {str(code): count for code, count in self.codes.items()}
        if self.ok:
            codes["200"] = self.ok
        total_sum, first_byte_sum, connect_sum = self.total.sum, self.first_byte.sum, self.connect.sum
        tick = ArmTick(
            self.route,
            self.version,
            self.role,
            self.share,
            codes,
            self.keys,
            self.total.take(),
            total_sum,
            self.first_byte.take(),
            first_byte_sum,
            self.waited.take(),
            self.connect.take(),
            connect_sum,
            self.inference,
            self.disturbed.take(),
            {bounded(who.decode("latin-1")): count for who, count in self.identities.items()},
        )
        self._clear()
        return tick


class Tally:
    """All counters of a worker. Arms of older tables stay until their last leg has finished and was reported."""

    __slots__ = (
        "_arms",
        "_ejections",
        "_handshakes",
        "_lag",
        "_not_rescued",
        "_not_retried",
        "_not_rewritten",
        "_overhead",
        "_rejected",
        "_rescued",
        "_resolutions",
        "_retries",
        "_seq",
        "_shadow_dropped",
        "_unread_keys",
        "connections",
        "malformed",
    )

    def __init__(self) -> None:
        self.malformed = Malformed()
        self._arms: dict[ArmKey, Arm] = {}
        self._seq = 0
        self.connections = 0
        self._lag = Times()
        self._clear()

    def _clear(self) -> None:
        self._shadow_dropped: dict[tuple[str, str, str], int] = {}
        self._rescued: dict[tuple[str, str, str], int] = {}
        self._retries: dict[tuple[str, str, str], int] = {}
        self._not_rescued: dict[tuple[str, str, str], int] = {}
        self._not_retried: dict[tuple[str, str, str], int] = {}
        self._resolutions: dict[tuple[str, str], int] = {}
        self._ejections: dict[tuple[str, str], int] = {}
        self._rejected: dict[tuple[str, str], int] = {}
        self._not_rewritten: dict[tuple[str, str, str, str], int] = {}
        self._unread_keys: dict[tuple[str, str], int] = {}
        self._handshakes: dict[tuple[TlsSide, str], int] = {}
        self._overhead: dict[str, Times] = {}

    def arm(self, route: str, version: str, role: Role, share: float, inference: bool = True) -> Arm:
        """The arm of this key; made when it is new."""
        key: ArmKey = (route, version, role, share, inference)
        arm = self._arms.get(key)
        if arm is None:
            arm = self._arms[key] = Arm(key)
        return arm

    def counted(self, arm: Arm) -> Arm:
        """`arm`, or the one that counts in its place: a leg may begin under a table whose arms were forgotten."""
        return self.arm(*arm.key) if arm.forgotten else arm

    def shadow_dropped(self, route: str, version: str, reason: str) -> None:
        """A copy was not sent."""
        key = (route, version, reason)
        self._shadow_dropped[key] = self._shadow_dropped.get(key, 0) + 1

    def rescued(self, route: str, version: str, reason: str) -> None:
        """The primary answers in place of canary `version`."""
        key = (route, version, reason)
        self._rescued[key] = self._rescued.get(key, 0) + 1

    def retried(self, route: str, version: str, reason: str) -> None:
        """A leg is sent again."""
        key = (route, version, reason)
        self._retries[key] = self._retries.get(key, 0) + 1

    def not_rescued(self, route: str, version: str, reason: str) -> None:
        """Canary `version` has failed, and the primary cannot answer in its place."""
        key = (route, version, reason)
        self._not_rescued[key] = self._not_rescued.get(key, 0) + 1

    def not_retried(self, route: str, version: str, reason: str) -> None:
        """A leg whose connection ended without an answer is not sent again."""
        key = (route, version, reason)
        self._not_retried[key] = self._not_retried.get(key, 0) + 1

    def unread_key(self, route: str, reason: str) -> None:
        """The key of a sticky assignment, or without a route the model that decides about it, cannot be read."""
        key = (route, reason)
        self._unread_keys[key] = self._unread_keys.get(key, 0) + 1

    def shook(self, side: TlsSide, result: str) -> None:
        """A TLS handshake with a client, or with a model server, has ended. `result`: `ok`, or why it failed."""
        key = (side, result)
        self._handshakes[key] = self._handshakes.get(key, 0) + 1

    def resolved(self, version: str, outcome: str) -> None:
        """A lookup of the version's name has ended."""
        key = (version, outcome)
        self._resolutions[key] = self._resolutions.get(key, 0) + 1

    def ejected(self, version: str, reason: str) -> None:
        """An endpoint of the version gets no requests for a while."""
        key = (version, reason)
        self._ejections[key] = self._ejections.get(key, 0) + 1

    def rejected(self, route: str, reason: str) -> None:
        """The proxy itself answered, or gave up on, a request that got no leg."""
        key = (route, reason)
        self._rejected[key] = self._rejected.get(key, 0) + 1

    def not_rewritten(self, route: str, version: str, message: str, reason: str) -> None:
        """A message (`request` or `answer`) could not be rewritten for the version, or from it."""
        key = (route, version, message, reason)
        self._not_rewritten[key] = self._not_rewritten.get(key, 0) + 1

    def overhead(self, route: str, seconds: float) -> None:
        """The proxy's own time on one exchange."""
        times = self._overhead.get(route)
        if times is None:
            times = self._overhead[route] = Times()
        times.add(seconds)

    def is_urgent(self) -> bool:
        """Whether a version that is judged has done so badly since the last tick that control should hear of it now."""
        for arm in self._arms.values():
            if arm.inference and arm.role not in UNJUDGED and arm.bad() >= URGENT_LEGS:
                return True
        return False

    def lag(self, seconds: float) -> None:
        """How late the event loop came to a look at the deadlines."""
        self._lag.add(seconds)

    def keep(self, live: frozenset[ArmKey]) -> None:
        """Forgets reported arms without legs in flight that the table in force does not have."""
        for key in [
            k for k, arm in self._arms.items() if k not in live and not (arm.inflight or arm.due or arm.counts())
        ]:
            self._arms.pop(key).forgotten = True

    def take(self, worker: int, incarnation: str, revision: int, leased: bool, records_dropped: dict[str, int]) -> Tick:
        """The tick of all that was counted since the last call."""
        self._seq += 1
        lag_sum = self._lag.sum
        overhead_sum = {route: times.sum for route, times in self._overhead.items()}
        tick = Tick(
            worker,
            incarnation,
            self._seq,
            revision,
            leased,
            [arm.take() for arm in self._arms.values() if arm.counts() or arm.connect],
            [(*key, count) for key, count in self._shadow_dropped.items()],
            self._take_due(),
            [(*key, count) for key, count in self._rescued.items()],
            [(*key, count) for key, count in self._retries.items()],
            [(*key, count) for key, count in self._rejected.items()],
            records_dropped,
            {route: times.take() for route, times in self._overhead.items()},
            overhead_sum,
            self._inflight(),
            self.connections,
            self._lag.take(),
            lag_sum,
            resolutions=[(*key, count) for key, count in self._resolutions.items()],
            malformed=self.malformed.take(),
            ejections=[(*key, count) for key, count in self._ejections.items()],
            not_rescued=[(*key, count) for key, count in self._not_rescued.items()],
            not_retried=[(*key, count) for key, count in self._not_retried.items()],
            not_rewritten=[(*key, count) for key, count in self._not_rewritten.items()],
            unread_keys=[(*key, count) for key, count in self._unread_keys.items()],
            handshakes=[(*key, count) for key, count in self._handshakes.items()],
        )
        self._clear()
        return tick

    def _take_due(self) -> list[tuple[str, str, int]]:
        due: dict[tuple[str, str], int] = {}
        for arm in self._arms.values():
            if arm.due:
                key = (arm.route, arm.version)
                due[key] = due.get(key, 0) + arm.due
                arm.due = 0
        return [(*key, count) for key, count in due.items()]

    def _inflight(self) -> list[tuple[str, str, str, int]]:
        """Legs in flight of each route, version and role, whatever the share at which they were assigned."""
        legs: dict[tuple[str, str, str], int] = {}
        for arm in self._arms.values():
            if arm.inflight:
                key = (arm.route, arm.version, arm.role)
                legs[key] = legs.get(key, 0) + arm.inflight
        return [(*key, count) for key, count in legs.items()]
