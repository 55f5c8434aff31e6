"""A captured request as bytes for one server of HTTP/1.1: by the rules by which a worker sends copies.

Path prefix, `Host`, `rewrite` and `authorization` are those of the version; the fields are those that the capture has
kept, and what marks a copy. What cannot be a head of HTTP (captures come from elsewhere, too) goes nowhere. No
field goes that frames a body, is of one connection, or proves who somebody is: captures of this program have none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from proxy.contracts.field_rules import REQUEST_SPECIAL, same_names, without_fields
from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.message import RequestHead
from proxy.contracts.rewrite import CREDENTIAL_FIELDS
from proxy.contracts.settings import RouteSettings, Settings
from proxy.contracts.table import Version
from proxy.control.capture.format import Captured
from proxy.http1 import write
from proxy.http1.request_head import Http1RequestHead
from proxy.http2.fields import FieldList
from proxy.routing.rewrite.plan import RewritePlan, plan_of
from proxy.routing.rewrite.unwritable import CALL, PATH, Unwritable

_METHOD = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}")
_TARGET = re.compile(rb"/[\x21-\x7e\x80-\xff]*")
_FIELDS = re.compile(rb"(?:[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*")
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,256}")

_LEFT_OUT = REQUEST_SPECIAL | same_names([*CREDENTIAL_FIELDS, "grpc-timeout"])
"""Fields that a replay writes anew, or that are nobody's but their client's: read twice, a length or a coding smuggles
another request."""

BODILESS = frozenset((b"GET", b"HEAD", b"DELETE", b"OPTIONS"))
"""Methods whose empty body is not announced (RFC 9110 §8.6)."""

NO_HEAD = "its method, path or header fields are none that can be sent"
BY_HTTP2 = "it is a call of gRPC, and the server is asked by HTTP/1.1"


class RequestMessage(NamedTuple):
    """A request as it is sent."""

    data: bytes
    """All of it; by HTTP/2 its body."""
    head_only: bool
    """It is a HEAD: its answer has no body."""
    fields: FieldList | None = None
    """Its head by HTTP/2; None: it goes by HTTP/1.1."""
    call: bool = False
    """It is a call of gRPC."""


MAX_HEADS = 64
"""Heads of late that are kept, since few differ."""


class Addressed:
    """Writes requests for one server. `version`: where it is; its rewrites are those of its name."""

    __slots__ = ("_authority", "_base_path", "_extra", "_heads", "_plan", "_starts")

    def __init__(self, settings: Settings, section: RouteSettings, version: Version) -> None:
        rewrite, credential = settings.rewrites.get(version.name), settings.credentials.get(version.name)
        self._plan: RewritePlan | None = plan_of(rewrite, credential, section.match.path)
        self._authority, self._base_path = version.authority.encode(), version.base_path.encode()
        self._extra = b"x-penumbra-shadow: %b\r\n" % version.name.encode()
        self._heads: dict[tuple[str, str, bytes], Http1RequestHead] = {}
        self._starts: dict[tuple[str, str, bytes], tuple[bytes, bool, bool]] = {}

    def message(self, asked: Captured) -> RequestMessage:
        """The request. Raises Unwritable where the version cannot have it, or nobody can."""
        if self._plan is not None:
            return self._rewritten(asked, self._plan)
        key = asked.method, asked.path, asked.request_fields
        known = self._starts.get(key) or self._start(asked, key)
        start, head_only, bodiless = known
        return RequestMessage(_written(start, id_of(asked), asked.request or b"", bodiless), head_only)

    def _start(self, asked: Captured, key: tuple[str, str, bytes]) -> tuple[bytes, bool, bool]:
        """A head up to what differs from request to request, and whether it is a HEAD, or may have no body."""
        head = self._head(asked)
        if len(self._starts) >= MAX_HEADS:
            self._starts.clear()
        known = self._starts[key] = self._begun(head, self._authority)
        return known

    def _begun(self, head: RequestHead, authority: bytes) -> tuple[bytes, bool, bool]:
        start = write.request_head(head, self._base_path, authority, self._extra)[:-2]
        return start, head.method == b"HEAD", head.method in BODILESS

    def _rewritten(self, asked: Captured, plan: RewritePlan) -> RequestMessage:
        head: RequestHead = self._head(asked)
        body = asked.request or b""
        rewritten = plan.applied(self._head(asked).varied(head.fields, len(body), b""), body, True)
        authority = plan.authority(head) or self._authority
        head, body = rewritten.head, body if rewritten.body is None else rewritten.body
        head.length = None  # it is written below
        start, head_only, bodiless = self._begun(head, authority)
        return RequestMessage(_written(start, id_of(asked), body, bodiless), head_only)

    def _head(self, asked: Captured) -> Http1RequestHead:
        """The head without its framing, which is that of the body at hand."""
        key = asked.method, asked.path, asked.request_fields
        head = self._heads.get(key)
        if head is None:
            method, target = line_of(asked)
            head = Http1RequestHead(method, self._authority, target, fields_of(asked))
            if is_grpc(head.field(b"content-type")):
                raise Unwritable(CALL, BY_HTTP2)
            if len(self._heads) >= MAX_HEADS:
                self._heads.clear()
            self._heads[key] = head
        return head


def line_of(asked: Captured) -> tuple[bytes, bytes]:
    """Method and target. Raises Unwritable where they, or the fields beside them, are none."""
    method, target = asked.method.encode("latin-1", "replace"), asked.path.encode("latin-1", "replace")
    if not (_METHOD.fullmatch(method) and _TARGET.fullmatch(target) and _FIELDS.fullmatch(asked.request_fields)):
        raise Unwritable(PATH, NO_HEAD)
    return method, target


def fields_of(asked: Captured) -> bytes:
    """The header fields that are sent."""
    return without_fields(asked.request_fields, _LEFT_OUT)


def id_of(asked: Captured) -> bytes:
    """The request id; b"": it has none that can be sent."""
    named = asked.request_id.encode("latin-1", "replace")
    return named if _REQUEST_ID.fullmatch(named) else b""


def _written(start: bytes, named: bytes, body: bytes, bodiless: bool) -> bytes:
    """A request, from the beginning of its head; `named`: its id."""
    sent = b"x-request-id: %b\r\n" % named if named else b""
    length = b"content-length: %d\r\n\r\n" % len(body) if body or not bodiless else b"\r\n"
    return b"".join((start, sent, length, body))
