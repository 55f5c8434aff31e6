"""The captured files, held against their seals before anything is sent; then read exchange by exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from operator import attrgetter
from pathlib import Path

from proxy.contracts.replay import CaptureFacts
from proxy.control.capture.exchanges import CapturedExchange, exchanges_of
from proxy.control.capture.format import Captured, UnreadableLineError
from proxy.control.capture.reading import CaptureFiles
from proxy.control.replay.judge import ReplayJudge

_IS_EXTRA = attrgetter("extra")


class CaptureReader(CaptureFiles):
    """Files that fit their seals. Raises UnreadableLineError, OSError; so does `exchanges`.

    - `lines`, `read`: lines in all, and legs read so far
    - `rare`: whether some exchanges are in them only because their kind is rare
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        super().__init__(paths)
        known: dict[str, Path] = {}
        for each in self.files:
            if each.lines and each.sha256 in known:
                raise UnreadableLineError(
                    f"{each.path}: the same lines as {known[each.sha256]}: they would count twice"
                )
            known[each.sha256] = each.path
        self.lines = sum(each.lines for each in self.files)
        self.read = 0
        self.rare = False

    def batches(self) -> Iterator[list[Captured]]:
        """The legs in their order, counted."""
        self.read = 0
        for legs in super().batches():
            self.read += len(legs)
            self.rare = self.rare or any(map(_IS_EXTRA, legs))
            yield legs

    def exchanges(self, route: str) -> Iterator[CapturedExchange]:
        """The exchanges of a route."""
        return (each for each in exchanges_of(self) if each.first.route == route)

    @property
    def labelled(self) -> bool:
        """Whether there are labels in them."""
        return any(each.labels for each in self.files)

    @property
    def sha256(self) -> str:
        """Of the file; of several, of their hashes, a line each."""
        hashes = [each.sha256 for each in self.files]
        return hashes[0] if len(hashes) == 1 else sha256("".join(f"{each}\n" for each in hashes).encode()).hexdigest()

    @property
    def unsealed(self) -> tuple[str, ...]:
        """Why files are not vouched for as a whole, a sentence each."""
        return tuple(f"{each.path.name} is not sealed: {each.unsealed}" for each in self.files if each.unsealed)

    @property
    def unfinished(self) -> str:
        """The files at whose ends lines may be missing, or ""."""
        return ", ".join(each.path.name for each in self.files if each.unfinished)

    def facts(self, judge: ReplayJudge) -> CaptureFacts:
        """What was read, for the report."""
        return CaptureFacts(
            sha256=self.sha256,
            files=tuple(each.path.name for each in self.files),
            sealed=not self.unsealed,
            exchanges=judge.sent + judge.rare_sent + sum(judge.skipped.values()),
            first=judge.first,
            last=judge.last,
            versions=dict(judge.answered),
            labels=judge.labels,
            weighted=self.rare,
        )
