"""What the connections of one listener have in common: its certificate, who may come in, and what they are for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.dataplane.secured.admission import Admission, Shaking, Soon
from proxy.dataplane.shared import Shared

Above = Callable[[], Any]
"""Makes what speaks HTTP on a connection whose handshake is complete."""


class SecuredListener:
    """`contexts`: a `proxy.tls.server.ServerContexts`; `above`: makes the protocol of a client that was let in; `soon`:
    calls in a later turn of the loop; `open`: connections that were let in; `in_clear`: the answer to HTTP in clear.
    """

    __slots__ = ("above", "admission", "contexts", "in_clear", "open", "shared", "soon")

    def __init__(
        self, shared: Shared, admission: Admission, contexts: Any, above: Above, in_clear: bytes, soon: Soon
    ) -> None:
        self.shared, self.admission, self.contexts, self.above = shared, admission, contexts, above
        self.in_clear, self.soon = in_clear, soon
        self.open: set[Shaking] = set()

    def retire(self, now: float) -> None:
        """Ends the connections that there are, each as soon as it has answered."""
        for each in self.open:
            each.retire(now)
