"""Labels that were given to a sidecar which did not make the prediction: asked around the fleet, and counted once.

1. A label that is unknown where it was given goes to all sidecars. Whoever made the prediction joins and counts it, and
   says so to the one that asked; the others count nothing.
2. The one that asked counts it as unknown when nobody has said so in `ANSWER_SECONDS` since it left: once for all.
3. A label may come before the record of its request. Whoever is asked looks out for that as long as its board does.

A sidecar that is cut off from the store for longer than that joins a label which was counted as unknown before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from proxy.control.fleet.bodies import LabelBody
from proxy.stats.quality.label_join import EARLY_SECONDS, LabelOutcome

ANSWER_SECONDS = 3 * EARLY_SECONDS
"""Time for a label to be found: that in which the request may still come, and the way there and back."""

MAX_ASKED = 10_000
"""Labels that wait for an answer; what is more counts as unknown at once, the oldest first."""

MAX_LOOKED_OUT_FOR = 1024
"""Labels of other sidecars whose requests may still come: as many as a board keeps."""


class LabelExchange:
    """One sidecar's part in it.

    - `take`: joins a label, and says what became of it
    - `knows`: whether there is a prediction for a request
    - `unknown`: counts labels that nobody knows
    """

    def __init__(
        self,
        instance: str,
        take: Callable[[str, Any], LabelOutcome],
        knows: Callable[[str], bool],
        unknown: Callable[[int], None],
    ) -> None:
        self._instance, self._take, self._knows, self._unknown = instance, take, knows, unknown
        self._asked: dict[str, tuple[float, int]] = {}
        self._left = 0.0
        self._looked_out_for: dict[tuple[str, str], float] = {}

    def ask(self, labels: Iterable[tuple[str, Any]], now: float) -> list[bytes]:
        """What goes to the other sidecars."""
        bodies = []
        for request_id, label in labels:
            _, before = self._asked.pop(request_id, (now, 0))
            self._asked[request_id] = now, before + 1
            bodies.append(self._body(LabelBody(request_id, label)))
        while len(self._asked) > MAX_ASKED:
            self._give_up(next(iter(self._asked)))
        return bodies

    def heard(self, bodies: Sequence[bytes], now: float) -> list[bytes]:
        """Takes what others ask and answer; the answers to it."""
        answers = []
        for body in bodies:
            try:
                asker, label = msgspec.msgpack.decode(body, type=tuple[str, LabelBody])
            except msgspec.MsgspecError:
                continue
            if label.to:
                if label.to == self._instance:
                    self._asked.pop(label.request_id, None)
            elif asker != self._instance and self._take(label.request_id, label.label) != "unknown":
                answers.append(self._body(LabelBody(label.request_id, to=asker)))
            elif asker != self._instance and len(self._looked_out_for) < MAX_LOOKED_OUT_FOR:
                self._looked_out_for[asker, label.request_id] = now + EARLY_SECONDS
        return answers

    def look(self, waiting: bool, now: float) -> list[bytes]:
        """Counts what nobody knew; answers to labels whose requests have come. `waiting`: some have not left yet."""
        self._left = now if waiting else self._left
        for request_id, (asked, _) in tuple(self._asked.items()):
            if self._knows(request_id):
                del self._asked[request_id]
            elif now >= max(asked, self._left) + ANSWER_SECONDS:
                self._give_up(request_id)
        answers = []
        for (asker, request_id), until in tuple(self._looked_out_for.items()):
            if found := self._knows(request_id):
                answers.append(self._body(LabelBody(request_id, to=asker)))
            if found or now >= until:
                del self._looked_out_for[asker, request_id]
        return answers

    def _give_up(self, request_id: str) -> None:
        _, count = self._asked.pop(request_id)
        self._unknown(count)

    def _body(self, label: LabelBody) -> bytes:
        return msgspec.msgpack.encode((self._instance, label))
