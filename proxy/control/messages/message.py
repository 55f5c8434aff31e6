"""One message, whoever reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from proxy.contracts.messages import NO_ACCOUNT, Account, MessageState
from proxy.contracts.notices import Severity
from proxy.contracts.operation import HookEvent

MAX_NAMED = 10
"""Routes that a message names; of more it says how many."""


class Message(Struct, frozen=True):
    """What happened, to whom, and what to do. The same facts in every format."""

    key: str
    """Names the matter: equal for all that is said of it."""
    event: HookEvent
    state: MessageState
    severity: Severity
    title: str
    """One line."""
    text: str
    """The sentence, with its numbers."""
    at: float
    """Unix time."""
    since: float
    """When the matter began."""
    section: str
    """Anchor in the runbook."""
    routes: tuple[str, ...] = ()
    """(): of the whole process."""
    again: bool = False
    """Whether it was told before: only receivers that know the matter by its key hear it."""
    joins: bool = False
    """Whether it is news of a matter that was told of."""
    document: dict[str, Any] = {}
    """Further facts for programs."""
    base: str = ""
    """URL of the status page; "": there are no links."""
    account: Account = NO_ACCOUNT
    """To whom it happened, and where its story is."""

    @property
    def id(self) -> str:
        """The same for a message that is sent twice."""
        return sha256(f"{self.key}|{self.event}|{self.state}|{self.at:.3f}".encode(errors="replace")).hexdigest()[:32]

    @property
    def dedup(self) -> str:
        """The key within bounds: receivers take 255 characters."""
        return (
            self.key
            if len(self.key) <= 200
            else f"{self.key[:160]}~{sha256(self.key.encode(errors='replace')).hexdigest()[:32]}"
        )

    @property
    def runbook(self) -> str:
        """Link to what to do."""
        return f"{self.base}/runbook#{self.section}" if self.base else ""

    @property
    def link(self) -> str:
        """Link to what happened: the story, where there is one; else the route at that moment."""
        if not self.base or not self.routes:
            return f"{self.base}/#/" if self.base else ""
        route, story = (quote(each, safe="", errors="replace") for each in (self.routes[0], self.account.story))
        route = f"{self.base}/#/routes/{route}"
        return f"{route}/releases/{story}" if story else f"{route}?at={int(self.at)}"

    @property
    def whole(self) -> str:
        """All that it says, where there is one text: to whom it happened stands before the figures, since what is too
        long is cut at its end."""
        whom = self.account.to_whom
        return f"{self.title}. {whom} {self.text}" if whom else f"{self.title}: {self.text}"

    @property
    def named(self) -> str:
        """The routes, for people."""
        more = len(self.routes) - MAX_NAMED
        return ", ".join(self.routes[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def moment(at: float) -> str:
    """A time by RFC 3339."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
