"""A message for tests."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from proxy.contracts.messages import EventObject
from proxy.control.messages.formats.call import Around, Call
from proxy.control.messages.message import Message

MESSAGE = Message(
    key="release/fraud/rolled-back",
    event="rollback",
    state="firing",
    severity="critical",
    title="fraud: rolled back",
    text="errors: ratio 4.1 > limit 1.5 (n=812, lost=0)",
    at=1700000000.5,
    since=1700000000.5,
    section="breach-error-rate",
    routes=("fraud", "features"),
    document={"event": "rollback", "why": "errors", "route": "fraud"},
    base="https://penumbra.example",
)
RESOLVED = replace(MESSAGE, state="resolved", at=1700000300.0)
AROUND = Around("k3y", EventObject("Pod", "pod-1", "models", "4f0c"), "host-7", 1700000010.0)

EVIL = "<!channel> & <script>alert(1)</script> [x](http://evil) \ud800 \U0001f600" + "y" * 9000
"""What a stranger may have had written into a reason."""


def body(call: Call) -> Any:
    """The document of a call."""
    return json.loads(call.body)
