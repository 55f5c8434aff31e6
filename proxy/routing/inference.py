"""Which requests are inferences: they ask a model for something, and they alone are evidence.

1. A tunnel is none, and no request whose method cannot carry a question (`SILENT_METHODS`): readiness, metadata, lists
   of models, CORS preflights.
2. A protocol names its inferences by the end of their paths (`ENDS`), compared decoded: `iris%3Apredict` is
   `iris:predict`.
3. Protocols without names for them (`json`, `opaque`) have everything else, less the paths that probes and scrapers ask
   (`PROBES`).
4. A route's own rule (`Route.inference`) replaces 2 and 3.

What is asked is a function of method and path, so the answers are remembered.
"""

from __future__ import annotations

from fnmatch import translate
from re import Pattern, compile
from typing import Final
from urllib.parse import unquote_to_bytes

from proxy.contracts.table import Inferences, Protocol

SILENT_METHODS = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"DELETE"))
"""Methods whose requests ask no model (RFC 9110 §9.3)."""

ENDS: dict[Protocol, tuple[bytes, ...]] = {
    "oip": (b"/infer", b"/generate", b"/generate_stream"),
    "kserve-v1": (b":predict", b":explain", b":classify", b":regress"),
    "mlflow": (b"/invocations",),
    "openai": (
        *(b"/completions", b"/responses", b"/messages", b"/embeddings", b"/rerank", b"/score", b"/classify"),
        *(b"/transcriptions", b"/translations", b"/speech", b"/generations", b"/edits", b"/variations"),
        *(b"/moderations", b"/pooling"),
    ),
}
"""Ends of the paths of inferences, from the specifications of the protocols."""

PROBES = frozenset(
    (
        *(b"health", b"healthz", b"healthcheck", b"livez", b"readyz", b"live", b"ready", b"liveness", b"readiness"),
        *(b"ping", b"status", b"metrics", b"version", b"favicon.ico", b"openapi.json", b"docs"),
    )
)
"""Last segments of paths that probes, scrapers and browsers ask."""

MAX_REMEMBERED: Final = 1024
"""Requests (method and path) whose answer is remembered; when full the memory starts anew."""


class InferenceRule:
    """The rule of one route. `own`: what its configuration says, if anything."""

    __slots__ = ("_ends", "_methods", "_paths", "_remembered")

    def __init__(self, protocol: Protocol, own: Inferences | None = None) -> None:
        self._remembered: dict[tuple[bytes, bytes], bool] = {}
        self._ends = ENDS.get(protocol, ())
        self._methods: frozenset[bytes] = frozenset()
        self._paths: list[Pattern[str]] = []
        if own is not None:
            self._ends = ()
            self._methods = frozenset(method.encode() for method in own.methods)
            self._paths = [compile(translate(path)) for path in own.paths]

    def holds(self, method: bytes, path: bytes) -> bool:
        """Whether a request is an inference. `path`: without its query."""
        asked = (method, path)
        answer = self._remembered.get(asked)
        if answer is None:
            answer = self._look(method, path)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[asked] = answer
        return answer

    def _look(self, method: bytes, path: bytes) -> bool:
        if method not in self._methods if self._methods else method in SILENT_METHODS:
            return False
        decoded = unquote_to_bytes(path).rstrip(b"/")
        if self._paths:
            text = decoded.decode("utf-8", "replace")
            return any(pattern.match(text) for pattern in self._paths)
        if self._ends:
            return decoded.endswith(self._ends)
        return bool(self._methods) or decoded.rpartition(b"/")[2].lower() not in PROBES
