"""The match of a request to a route.

1. A path prefix matches on segment boundaries: `/v2/models/cancer/` matches `/v2/models/cancer` and what is below it,
   not `/v2/models/cancer-next`.
2. Paths are compared decoded, but for a slash within a segment (`%2F`), and a verb of a protocol ends a segment:
   `/v1/models/iris` matches `iris:predict` and `iris%3Apredict`, not `iris2`.
3. Of the routes whose conditions all hold, the one with the longest prefix wins; of equal prefixes the one with more
   conditions, then the one that was configured first.

A lookup tries the prefixes of the path, one dictionary access a segment, so the number of routes does not matter. Which
routes these are is remembered, since most requests have one of a few paths.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from proxy.contracts.table import Match, Route
from proxy.routing.documents import FieldOf, member_of, no_field
from proxy.routing.inference import CONTENT_VERBS, MAX_REMEMBERED, MAX_REMEMBERED_BYTES, VERBS

_SLASH = re.compile(rb"%2[Ff]")
_VERBS = frozenset((*VERBS, *CONTENT_VERBS))
_MODEL_IN_PATH = ("/v2/models/", "/v1/models/")


class RouteIndex:
    """The routes of a table, by prefix. `find` returns an index into `routes`."""

    __slots__ = ("_by_prefix", "_matches", "_remembered")

    def __init__(self, routes: Sequence[Route]) -> None:
        self._matches = [_Conditions(route.match) for route in routes]
        self._by_prefix: dict[bytes, list[int]] = {}
        self._remembered: dict[bytes, _Candidates] = {}
        for index, route in enumerate(routes):
            prefix = decoded(route.match.path.encode()).rstrip(b"/")
            self._by_prefix.setdefault(prefix, []).append(index)
        for indexes in self._by_prefix.values():
            indexes.sort(key=lambda index: -self._matches[index].count)

    def find(
        self, path: bytes, method: bytes, field: FieldOf, body: bytes | None = None, whole: bool = True
    ) -> int | None:
        """The route's index, or None. A model condition that needs the body does not hold while `body` is None.
        `whole`: the body is, and not its beginning."""
        candidates = self._candidates(path)
        for index in candidates.indexes:
            if self._matches[index].hold(candidates.path, method, field, body, whole):
                return index
        return None

    def wants_body(self, path: bytes) -> bool:
        """True when a route that could match this path has a condition on the body."""
        candidates = self._candidates(path)
        return any(self._matches[index].reads_body(candidates.path) for index in candidates.indexes)

    def _candidates(self, path: bytes) -> _Candidates:
        known = self._remembered.get(path)
        if known is None:
            known = self._look(decoded(path))
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            if len(path) <= MAX_REMEMBERED_BYTES:
                self._remembered[path] = known
        return known

    def _look(self, path: bytes) -> _Candidates:
        indexes, prefix = self._by_prefix.get(path, []).copy(), path
        while prefix:
            prefix = _shorter(prefix)
            indexes += self._by_prefix.get(prefix, [])
        return _Candidates(path, indexes)


def decoded(path: bytes) -> bytes:
    """A path without percent-encoding, but for slashes."""
    if path.find(b"%") < 0:  # `in` looks for a number first, and makes an exception of it each time
        return path
    return unquote_to_bytes(_SLASH.sub(b"%252F", path))


def _shorter(prefix: bytes) -> bytes:
    """The next shorter prefix: without a verb, or without its last segment."""
    slash = prefix.rfind(b"/")
    colon = prefix.rfind(b":")
    return prefix[:colon] if colon > slash and prefix[colon:] in _VERBS else prefix[:slash]


class _Candidates:
    """The routes whose prefix fits a path, in the order in which they are tried. `path`: the path, decoded."""

    __slots__ = ("indexes", "path")

    def __init__(self, path: bytes, indexes: list[int]) -> None:
        self.path, self.indexes = path, indexes


class _Conditions:
    __slots__ = ("_headers", "_methods", "_model", "count")

    def __init__(self, match: Match) -> None:
        self._headers = [(name.encode(), value.encode()) for name, value in match.headers.items()]
        self._methods = frozenset(method.encode() for method in match.methods)
        self._model = match.model
        self.count = len(self._headers) + bool(self._methods) + bool(self._model)

    def hold(self, path: bytes, method: bytes, field: FieldOf, body: bytes | None, whole: bool) -> bool:
        if not self.count:
            return True
        if self._methods and method not in self._methods:
            return False
        if any(field(name) != value for name, value in self._headers):
            return False
        return self._model is None or self._model == (model_in_path(path) or model_in_body(body, field, whole))

    def reads_body(self, path: bytes) -> bool:
        return self._model is not None and model_in_path(path) is None


def model_in_path(path: bytes) -> str | None:
    """The model that a path of the Open Inference Protocol or KServe V1 names, or None."""
    text = path.decode("utf-8", "replace")
    for start in _MODEL_IN_PATH:
        if text.startswith(start):
            return text[len(start) :].split("/", 1)[0].split(":", 1)[0]
    return None


def model_in_body(body: bytes | None, field: FieldOf = no_field, whole: bool = True) -> str | None:
    """The `model` member of a body of JSON, or of a form (OpenAI), or None."""
    model, _ = member_of(body, "/model", field, whole)
    return model if isinstance(model, str) else None
