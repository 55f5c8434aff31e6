"""The answer to a request in clear on a port of TLS."""

from __future__ import annotations

from typing import Final

from proxy.contracts.failure import FAILURES
from proxy.http1 import write

NOT_TLS: Final = write.problem(
    FAILURES["not_tls"].status,
    "not_tls",
    FAILURES["not_tls"].title,
    "this port speaks TLS: ask by https",
    b"Connection: close\r\n",
)
"""In clear."""
