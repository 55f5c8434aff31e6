"""The match of a request to a route.

1. A path prefix matches on segment boundaries: `/v2/models/cancer/` matches `/v2/models/cancer` and what is below it,
   not `/v2/models/cancer-next`.
2. Paths are compared decoded, but for a slash within a segment (`%2F`), and a verb of a protocol ends a segment:
   `/v1/models/iris` matches `iris:predict` and `iris%3Apredict`, not `iris2`.
3. Of the routes whose conditions all hold, the one with the longest prefix wins; of equal prefixes the one with more
   conditions, then the one that was configured first.
4. A service of gRPC, or a method of it, is a path of exactly two segments, and a condition besides: only calls match,
   by their content type. So a method comes before its service, and a service before the same as a path.
5. The model of a request is the one that its path names; without one, of a call of gRPC that of its first message, of
   any other request `model` in its body.

A lookup tries the prefixes of the path, one dictionary access a segment, so the number of routes does not matter. Which
routes these are is remembered, since most requests have one of a few paths.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.table import Match, Route
from proxy.contracts.unread_key import ABSENT
from proxy.routing.calls import model_named, names_model
from proxy.routing.documents import FieldOf, member_of, no_field
from proxy.routing.inference import CONTENT_VERBS, MAX_REMEMBERED, MAX_REMEMBERED_BYTES, VERBS

WAITS: Final = -1
"""In place of the index of a route: a body that has not come yet decides."""

_SLASH = re.compile(rb"%2[Ff]")
_VERBS = frozenset((*VERBS, *CONTENT_VERBS))
_MODEL_IN_PATH = ("/v2/models/", "/v1/models/")


class RouteIndex:
    """The routes of a table, by prefix. `find` returns an index into `routes`."""

    __slots__ = ("_by_prefix", "_last", "_last_path", "_matches", "_remembered")

    def __init__(self, routes: Sequence[Route]) -> None:
        self._matches = [_Conditions(route.match) for route in routes]
        self._by_prefix: dict[bytes, list[int]] = {}
        self._remembered: dict[bytes, _Candidates] = {}
        self._last, self._last_path = _Candidates(b"", [], -1), b""  # of the last request, which most requests are like
        for index, route in enumerate(routes):
            prefix = decoded(route.match.path.encode()).rstrip(b"/")
            self._by_prefix.setdefault(prefix, []).append(index)
        for indexes in self._by_prefix.values():
            indexes.sort(key=lambda index: -self._matches[index].count)

    def certain(self, path: bytes) -> int:
        """The route's index, where the path alone decides; else -1, and `find` says."""
        return self._candidates(path).certain

    def find(
        self, path: bytes, method: bytes, field: FieldOf, body: bytes | None = None, whole: bool = True
    ) -> int | None:
        """The route's index; WAITS: the body, which is None so far, decides; None: there is none. `whole`: the body is,
        and not its beginning."""
        candidates = self._candidates(path)
        asked, known = "", False
        for index in candidates.indexes:
            conditions = self._matches[index]
            if not conditions.hold(candidates.path, method, field):
                continue
            if conditions.model is None:
                return index
            if not known:
                if body is None and _in_body(candidates.path, field):
                    return WAITS
                asked, known = model_of(candidates.path, field, body, whole)[0] or "", True
            if asked == conditions.model:
                return index
        return None

    def wants_body(self, path: bytes, method: bytes, field: FieldOf = no_field) -> bool:
        """True when the body of a request may name the model that a route asks for, whose other conditions hold."""
        candidates = self._candidates(path)
        for index in candidates.indexes:
            conditions = self._matches[index]
            if conditions.model is not None and conditions.hold(candidates.path, method, field):
                return _in_body(candidates.path, field)
        return False

    def _candidates(self, path: bytes) -> _Candidates:
        if path == self._last_path and path:
            return self._last
        known = self._remembered.get(path)
        if known is None:
            known = self._look(decoded(path))
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            if len(path) > MAX_REMEMBERED_BYTES:
                return known
            self._remembered[path] = known
        self._last, self._last_path = known, path
        return known

    def _look(self, path: bytes) -> _Candidates:
        indexes, prefix = self._by_prefix.get(path, []).copy(), path
        while prefix:
            prefix = _shorter(prefix)
            indexes += self._by_prefix.get(prefix, [])
        certain = indexes[0] if indexes and not self._matches[indexes[0]].count else -1
        return _Candidates(path, indexes, certain)


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
    """The routes whose prefix fits a path, in the order in which they are tried. `path`: the path, decoded; `certain`:
    the first of them, where it has no other condition, else -1."""

    __slots__ = ("certain", "indexes", "path")

    def __init__(self, path: bytes, indexes: list[int], certain: int) -> None:
        self.path, self.indexes, self.certain = path, indexes, certain


class _Conditions:
    """The conditions of a route. `model`: what has to be its name; None: any."""

    __slots__ = ("_grpc", "_headers", "_methods", "count", "model")

    def __init__(self, match: Match) -> None:
        self._headers = [(name.encode(), value.encode()) for name, value in match.headers.items()]
        self._methods = frozenset(method.encode() for method in match.methods)
        self._grpc = b"/" + match.grpc.encode() if match.grpc else b""
        self.model = match.model
        self.count = len(self._headers) + bool(self._methods) + bool(self.model) + bool(self._grpc)

    def hold(self, path: bytes, method: bytes, field: FieldOf) -> bool:
        """Whether all but that on the model do."""
        if not self.count:
            return True
        if self._methods and method not in self._methods:
            return False
        if self._grpc and not _is_call(self._grpc, path, field):
            return False
        return not any(field(name) != value for name, value in self._headers)


def _is_call(wanted: bytes, path: bytes, field: FieldOf) -> bool:
    """Whether a request is a call of a method (`/package.Service/Method`), or of any method of a service."""
    service, _, name = path[1:].partition(b"/")
    fits = path == wanted if wanted.rfind(b"/") else b"/" + service == wanted and name != b"" and name.find(b"/") < 0
    return fits and is_grpc(field(b"content-type"))


def _in_body(path: bytes, field: FieldOf) -> bool:
    """Whether the model of a request may be named by its body."""
    if model_in_path(path) is not None:
        return False
    media = field(b"content-type")
    return not is_grpc(media) or names_model(path, media or b"")


def model_of(path: bytes, field: FieldOf, body: bytes | None, whole: bool) -> tuple[str | None, str]:
    """The model that a request asks for, and "", or None and the reason why it is not known."""
    named = model_in_path(path)
    if named is not None:
        return named, ""
    media = field(b"content-type")
    if is_grpc(media):
        return (
            model_named(path, field(b"grpc-encoding"), body, whole)
            if names_model(path, media or b"")
            else (None, ABSENT)
        )
    model, reason = member_of(body, "/model", field, whole)
    return model if isinstance(model, str) else None, reason


def model_in_path(path: bytes) -> str | None:
    """The model that a path of the Open Inference Protocol or KServe V1 names, or None."""
    text = path.decode("utf-8", "replace")
    for start in _MODEL_IN_PATH:
        if text.startswith(start):
            return text[len(start) :].split("/", 1)[0].split(":", 1)[0]
    return None
