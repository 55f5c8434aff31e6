"""What lasts, and what is told of it when: one message for one matter.

- A breach is told when it happens, by the change that it makes; all routes of a release are one matter. It is over when
  the live state of the release says so.
- A warning is told once it has lasted for `HOLD_SECONDS`, and is over once it has been gone for `GONE_SECONDS`, twice
  as long for each time that it has come back. What flaps is one matter. Those of the whole process are one
  matter for all routes; a route that joins it later is told of to receivers that know matters by their keys.
- What lasts is told again every `RESEND_SECONDS` to receivers that would forget it.
- Everything here is known at each sidecar of a fleet, whether or not it sends. One that begins to send tells again
  what began in the last `LAPSE_SECONDS`: the one before it may have died with it. Receivers may hear of it twice.
- At most `MAX_MATTERS` are held; further ones are counted, and not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from proxy.contracts.notices import KINDS, Notice, Severity
from proxy.control.messages.changes import Trouble, key_of
from proxy.control.messages.formats.alertmanager import RESEND_SECONDS
from proxy.control.messages.kept import Remains, ToldWarning
from proxy.control.messages.message import Message

HOLD_SECONDS = 30.0
"""Seconds for which a warning lasts before it is told: six looks at its cause."""
GONE_SECONDS = 300.0
"""Seconds for which it is gone before that is told."""
MAX_GONE_SECONDS = 3600.0
LAPSE_SECONDS = 60.0
"""Seconds in which another sidecar judges at latest, and more."""
MAX_MATTERS = 1000
"""Matters at a time, a kilobyte each."""

Releases = Mapping[str, tuple[str, tuple[str, ...]]]
"""Route to its release: name, and all routes."""


class Warned(Struct):
    """A warning that is there, or was a moment ago."""

    message: Message
    first: float
    last: float
    told: bool = False
    flaps: int = 0


class Facts(Struct, frozen=True):
    """What a look finds."""

    releases: Releases
    notices: Mapping[str, list[Notice]]
    troubles: Mapping[str, Trouble]
    """By route."""


class Matters:
    """`on_change` and `look` return what is to be told. Times are Unix seconds."""

    __slots__ = ("_resent", "_warned", "left_out", "open", "since")

    def __init__(self) -> None:
        self.open: dict[str, Message] = {}
        """What lasts and was told, by its key."""
        self._warned: dict[str, Warned] = {}
        self._resent = 0.0
        self.left_out = 0
        """Matters that were not told for want of room. Monotone."""

    def on_change(self, message: Message, by_hand: bool, release: str) -> list[Message]:
        """A change, as its message; what it is about may last already."""
        before = self.open.get(message.key)
        if message.state == "firing":
            return self._opened(message, before)
        kinds = ("rolled-back", "paused", "breach") if by_hand else ()
        known = [self.open[key] for key in (key_of(release, kind) for kind in kinds) if key in self.open]
        acts = [replace(each, state="acknowledged", at=message.at, again=True) for each in known]
        return [message, *acts]

    def _opened(self, message: Message, before: Message | None) -> list[Message]:
        if before is None and len(self.open) >= MAX_MATTERS:
            self.left_out += 1
            return []
        if before is not None:
            both = tuple(dict.fromkeys((*before.routes, *message.routes)))
            known = before.section == message.section or message.event != "breach"
            message = replace(message, since=before.since, routes=both, joins=known)
        self.open[message.key] = replace(message, joins=False)
        return [message]

    def look(self, facts: Facts, now: float) -> list[Message]:
        """What time and causes bring."""
        told = [*self._over(facts, now), *self._warnings(facts, now)]
        if now - self._resent >= RESEND_SECONDS:
            self._resent = now
            fresh = {message.key for message in (*told, *self.open.values()) if now - message.at < RESEND_SECONDS / 2}
            told += [replace(each, again=True) for key, each in self.open.items() if key not in fresh]
        return told

    def taken_over(self, now: float) -> list[Message]:
        """What another sender may have died with."""
        self._resent = 0.0
        return [replace(each, again=False) for each in self.open.values() if now - each.at < LAPSE_SECONDS]

    def kept(self) -> Remains:
        """What a restart has to know, so that nothing is told twice and what is over is told of."""
        told = {key: ToldWarning(each.message, each.flaps) for key, each in self._warned.items() if each.told}
        return Remains({key: each for key, each in self.open.items() if key not in told}, told)

    def recall(self, kept: Remains, now: float) -> None:
        """Takes up what another life of this process told of; each warning has all its time to show itself again."""
        self.open |= kept.open
        for key, told in kept.warned.items():
            self._warned[key] = Warned(told.message, told.message.since, now, True, told.flaps)
            self.open[key] = told.message

    # -- what lasts on releases

    def _over(self, facts: Facts, now: float) -> list[Message]:
        there: dict[str, tuple[str, Trouble]] = {}
        for route, trouble in facts.troubles.items():
            there.setdefault(key_of(facts.releases[route][0], trouble.kind), (route, trouble))
        for key in there.keys() - self.open.keys():  # of an earlier process, or another sidecar
            if there[key][1].certain and len(self.open) < MAX_MATTERS:
                self.open[key] = _found(key, facts.releases[there[key][0]], *there[key])
        gone = [key for key in self.open if key.startswith("release/") and key not in there]
        return [_resolved(self.open.pop(key), now) for key in gone]

    # -- warnings

    def _warnings(self, facts: Facts, now: float) -> list[Message]:
        there = _by_key(facts, now)
        for key, message in there.items():
            known = self._warned.get(key)
            if known is None and len(self._warned) < MAX_MATTERS:
                self._warned[key] = Warned(message, now, now)
            elif known is None:
                self.left_out += 1
            else:
                self._seen(known, message, now)
        return [*self._begun(there, now), *self._ended(there, now)]

    def _seen(self, known: Warned, message: Message, now: float) -> None:
        if now - known.last > RESEND_SECONDS / 2:
            known.flaps += 1
        if not known.told and now - known.last > HOLD_SECONDS:
            known.first = now
        known.last = now
        if not known.told:
            known.message = replace(message, since=known.message.since)
        elif message.key in self.open:
            self.open[message.key] = replace(message, since=known.message.since, at=known.message.at)

    def _begun(self, there: Iterable[str], now: float) -> list[Message]:
        begun = [self._warned[key] for key in there if key in self._warned]
        due = [each for each in begun if not each.told and now - each.first >= HOLD_SECONDS]
        for each in due:
            each.told = True
            each.message = replace(each.message, at=now)
            self.open[each.message.key] = each.message
        return [each.message for each in due]

    def _ended(self, there: Mapping[str, Message], now: float) -> list[Message]:
        told = []
        for key, known in [pair for pair in self._warned.items() if pair[0] not in there]:
            if now - known.last >= min(GONE_SECONDS * 2**known.flaps, MAX_GONE_SECONDS):
                del self._warned[key]
                if known.told:
                    told.append(_resolved(self.open.pop(key, known.message), now))
        return told


def _by_key(facts: Facts, now: float) -> dict[str, Message]:
    found: dict[str, Message] = {}
    for route, own in facts.notices.items():
        for notice in own:
            kind = KINDS[notice.kind]
            name = facts.releases[route][0]
            key = f"warning/{notice.kind}" if kind.whole else f"warning/{notice.kind}/{name}"
            first = found.get(key)
            if first is not None:
                both = tuple(dict.fromkeys((*first.routes, route)))
                text = (
                    first.text
                    if notice.text in first.text or len(first.text) > 1000
                    else f"{first.text}; {notice.text}"
                )
                found[key] = replace(first, routes=() if kind.whole else both, text=text)
                continue
            title = kind.title if kind.whole else f"{name}: {kind.title[0].lower()}{kind.title[1:]}"
            routes = () if kind.whole else (route,)
            found[key] = Message(
                key, "warning", "firing", kind.severity, title, notice.text, now, now, notice.kind, routes
            )
    return found


def _found(key: str, release: tuple[str, tuple[str, ...]], route: str, trouble: Trouble) -> Message:
    name, routes = release
    severity: Severity = "critical" if trouble.severe else "warning"
    event = {"rolled-back": "rollback", "paused": "breach", "breach": "breach"}[trouble.kind]
    title = {"rolled-back": "rolled back", "paused": "paused", "breach": "a limit is breached"}[trouble.kind]
    return Message(
        key=key,
        event=event,  # type: ignore[arg-type]
        state="firing",
        severity=severity,
        title=f"{name}: {title}",
        text=trouble.reason or title,
        at=trouble.since,
        since=trouble.since,
        section=f"event-{event}",
        routes=routes,
        again=True,
    )


def _resolved(message: Message, now: float) -> Message:
    over = {"document": {}, "again": False, "at": now, "state": "resolved"}
    return replace(message, title=f"{message.title}: over", **over)
