"""Heads of answers in HTTP/2: read from a model server, written for a client. A doubtful answer fails its leg."""

from __future__ import annotations

from typing import Any, Final

from proxy.contracts.field_rules import RESPONSE_SPECIAL, content_length
from proxy.contracts.grpc_status import OK, code_of, joined_status
from proxy.contracts.message import ResponseHead
from proxy.http2.fields import FieldGroup, FieldList, added, block_of, listed
from proxy.http2.hpack_reader import HeaderBlock, NeverIndexed

MAX_FIELDS: Final = 256
"""Fields of an answer's head, as in HTTP/1.1."""

_APART: Final = RESPONSE_SPECIAL | {b":status", b"content-length", b"x-request-id"}

_STATUSES: Final = {str(status).encode(): status for status in range(200, 600)}

NO_STATUS: Final = b"no grpc-status"
"""What is said of a call that ends without one."""

_GOOD: Final = [b"0"]


class Http2ResponseError(Exception):
    """An answer that cannot be trusted; the text names the rule that it broke."""


class Http2ResponseHead(ResponseHead):
    """The head of an answer.

    - `listed`: its fields as the list that HTTP/2 carries
    - `alone`: nothing follows it, and it told no length: its fields are also trailers (`Trailers-Only` of gRPC)
    - `group`: what answers with this head begin with, of the version in `group_of`; None: nobody has made it
    """

    __slots__ = ("alone", "group", "group_of", "listed")

    def __init__(self, status: int, fields: bytes = b"") -> None:
        super().__init__(status, fields)
        self.alone = False
        self.listed: FieldList | None = None
        self.group: FieldGroup | None = None
        self.group_of = b""


def response_of(block: HeaderBlock, ended: bool, no_body: bool) -> Http2ResponseHead:
    """The head of an answer that has come; equal ones of a connection are one object. Raises Http2ResponseError."""
    made_for = 1 + ended + 2 * no_body
    if block.made_for == made_for:
        made: Http2ResponseHead = block.made
        return made
    head = read_response(block.fields, ended, no_body)
    head.unindexed = block.never
    block.made, block.made_for = head, made_for
    return head


def read_response(fields: tuple[tuple[bytes, bytes], ...], ended: bool, no_body: bool) -> Http2ResponseHead:
    """The head of an answer. `ended`: nothing follows; `no_body`: a HEAD was asked. Raises Http2ResponseError."""
    if len(fields) > MAX_FIELDS:  # RFC 9110 §5.4
        raise Http2ResponseError(f"the head has more than {MAX_FIELDS} fields")
    passed: FieldList = []
    length: int | None = None
    request_id = code = b""
    pairs: Any = fields  # a pair that is only ever an `Any` is not made again
    for pair in pairs:
        name: bytes = pair[0]
        if name not in _APART:
            passed.append(pair)
        elif name == b":status":
            code = pair[1]
        elif name == b"content-length":
            length = content_length(pair[1])
        elif name == b"x-request-id":
            request_id = pair[1]
            passed.append(pair)
    status = _STATUSES.get(code)
    if status is None:
        raise Http2ResponseError("the status is none")
    head = Http2ResponseHead(status, block_of(passed))
    head.listed = passed
    head.request_id = request_id
    head.bodiless = no_body or status in (204, 304)
    head.length = None if status == 204 else length  # RFC 9110 §8.6
    if ended and not head.bodiless:
        if head.length:
            raise Http2ResponseError("the answer ended before its body")
        head.length, head.alone = 0, length is None
    return head


def begun_response(head: ResponseHead, version: bytes) -> FieldGroup:
    """What an answer for a client begins with, the same for each answer with this head; `version` is a block of more
    fields."""
    own = head if isinstance(head, Http2ResponseHead) else None
    if own is not None and own.group is not None and own.group_of == version:
        return own.group
    fields: FieldList = [(b":status", b"%d" % head.status)]
    passed = None if own is None else own.listed
    if passed is None:
        passed = listed(NeverIndexed(head.fields) if head.unindexed else head.fields)
    fields += passed
    fields += listed(version)
    if head.length is not None and not (own is not None and own.alone):
        fields.append((b"content-length", b"%d" % head.length))
    group = FieldGroup(fields)
    if own is not None:
        own.group, own.group_of = group, version
    return group


def write_response(head: ResponseHead, version: bytes, extra: bytes) -> FieldList:
    """All fields of an answer for a client; `version` and `extra` are blocks of more fields."""
    return begun_response(head, version).fields + (added(extra) if extra else [])


def call_end(fields: tuple[tuple[bytes, bytes], ...], status: int) -> tuple[int, bytes]:
    """The code with which a call of gRPC ended, and what its server says of that: by the fields behind its answer, or
    by those of a head alone. `status`: that of HTTP."""
    statuses: list[bytes] = []
    message = b""
    for name, value in fields:
        if name == b"grpc-status":
            statuses.append(value)
        elif name == b"grpc-message":
            message = message or value
    if status == 200 and statuses == _GOOD:
        return OK, b""  # nearly all
    told = joined_status(statuses)
    return code_of(told, status), NO_STATUS if told is None else message
