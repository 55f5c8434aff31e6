"""Which processes hang: those that have not said a word for too long. No processes and no clock: words and times in,
what to do out.

- A word is a beat in the page of pulses. A process that has not beaten yet starts: it is alive as long as it uses the
  processor, since imports and the check of a large state take what they take.
- Silence is counted in time that the supervisor itself was awake for. Where it looks late the machine stood still, and
  every process gets its time anew.
- `abort` after the silence that is allowed, and `kill` a little later: what does not run cannot abort.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

LOOK_SECONDS = 0.5
"""Seconds between looks."""

LATE_SECONDS = 2 * LOOK_SECONDS
"""Seconds between two looks that say that this process did not run, or was busy itself."""

START_SECONDS = 30.0
"""Seconds in which a process that starts uses no processor time: three times what a cold disk was seen to take."""

ABORT_SECONDS = 2.0
"""Seconds from the abort to the kill: writing all stacks takes milliseconds, a core file may take longer."""

Act = Literal["abort", "kill"]
Word = tuple[int, int]
"""Beats so far, and processor time so far: the latter counts while there is no beat."""


class Watchdog:
    """Silence of each process by pid. `hang`: seconds of silence that are allowed. `due`: time of the next look."""

    __slots__ = ("_heard", "_looked", "due", "hang")

    def __init__(self, hang: float) -> None:
        self.hang = hang
        self._heard: dict[int, tuple[Word, float]] = {}
        self._looked = self.due = 0.0

    def look(self, words: Mapping[int, Word], now: float) -> list[tuple[int, Act]]:
        """What is to be done to whom, once each. `words`: the last word of each process that runs."""
        elapsed, self._looked = now - self._looked, now
        self.due = now + LOOK_SECONDS
        late = elapsed > LATE_SECONDS
        before, self._heard = self._heard, {}
        acts: list[tuple[int, Act]] = []
        for pid, word in words.items():
            spoken, silence = before.get(pid, (None, 0.0))
            longer = 0.0 if late or said(spoken, word) else silence + elapsed
            self._heard[pid] = word, longer
            acts += [(pid, act) for act, limit in self._limits(word) if silence < limit <= longer]
        return acts

    def silence(self, pid: int) -> float:
        """Seconds since the last word of a process, as of the last look."""
        return self._heard[pid][1]

    def _limits(self, word: Word) -> tuple[tuple[Act, float], tuple[Act, float]]:
        patience = self.hang if word[0] else max(self.hang, START_SECONDS)
        return ("abort", patience), ("kill", patience + ABORT_SECONDS)


def said(before: Word | None, word: Word) -> bool:
    """Whether a process has said something since `before`."""
    return before is None or (word[0] != before[0] if word[0] else word != before)
