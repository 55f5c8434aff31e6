"""What one version on one route has rewritten in requests: one rule for live legs, retries, rescues and copies.

1. An inference is rewritten wholly or goes nowhere (`Unwritable`): sent as it is, it would ask another model, and what
   that says would count for this version. Other requests (health, metadata, listings, uploads) are rewritten as far as
   they can be, bodies of theirs only where they are at hand, and only what is there already.
2. `model` stands where the protocol carries it: in a path that names a model, else in the body (JSON, or a form); in
   the query, where the client has it there (OpenAI's Realtime).
3. A body that is compressed by gzip or deflate is sent as it is without that; fields that hold a digest of a body that
   was rewritten are left out.
4. A path with a segment `.` or `..` goes nowhere: a server that resolves it answers for another path than the one that
   was rewritten, or opened by the version's own credential.
5. Of a call of gRPC the head is rewritten, its messages are not: where they would have to be, it goes nowhere.
6. A version with a credential, or with none, gets none of the client's (`CREDENTIAL_FIELDS`, and in the query
   `CREDENTIAL_PARAMETERS`), nor the fields that tell by a client's certificate who it is.
"""

from __future__ import annotations

import json
import re
from typing import Final

from proxy.contracts.field_rules import same_names, without_fields
from proxy.contracts.grpc_status import is_grpc
from proxy.contracts.json_cost import is_costly
from proxy.contracts.message import RequestHead
from proxy.contracts.rewrite import (
    BODY_DIGESTS,
    CLIENT_HOST,
    CREDENTIAL_FIELDS,
    CREDENTIAL_PARAMETERS,
    OWN_HOST,
    Credential,
    Rewrite,
)
from proxy.routing import expanded
from proxy.routing.oip.call import OipCall
from proxy.routing.rewrite import form, json_text, target
from proxy.routing.rewrite.unwritable import CODING, GRPC, NOT_JSON, PATH, TOO_LARGE, Unwritable

MAX_REWRITTEN: Final = 8 * 1024 * 1024
"""Bytes of a body that is rewritten: it is held whole, and read in the time of all others of its worker."""

_DIGESTS: Final = same_names(BODY_DIGESTS)

_TENSORS: Final = b"inference-header-content-length"
"""Where the JSON ends in a body of OIP's binary extension."""

_MODEL: Final = ["model"]
_MODEL_PARAMETER = re.compile(rb"[?&]%b(?=[=&]|\Z)" % target.literal("model"))
_DOTS = re.compile(rb"(?:[/\\]|%2[Ff]|%5[Cc])(?:\.|%2[Ee]){1,2}(?=[/\\;]|%2[Ff]|%5[Cc]|\Z)")

Names = list[tuple[list[str], bytes, bytes]]
"""Names to be mapped back in an answer: their place, as JSON the name that this version has, and the client's. An empty
one of this version: whatever stands there."""


class Rewritten:
    """A request for one version. `body`: None where the client's goes on as it comes; `names`: for its answer; `call`:
    the call of gRPC that it has become, None: it is what it was."""

    __slots__ = ("body", "call", "head", "names")

    def __init__(self, head: RequestHead, body: bytes | None, names: Names, call: OipCall | None = None) -> None:
        self.head, self.body, self.names, self.call = head, body, names, call


class RewritePlan:
    """What one version on one route has rewritten. `holds`: inferences may have to be whole before they are sent;
    `calls`: they become calls of gRPC."""

    __slots__ = (
        "_answer",
        "_answer_set",
        "_drop",
        "_fields",
        "_host",
        "_json",
        "_model",
        "_model_version",
        "_path",
        "_query",
        "_query_remove",
        "_secret",
        "calls",
        "holds",
    )

    def __init__(self, rewrite: Rewrite, credential: Credential, prefix: str, identities: tuple[str, ...] = ()) -> None:
        self._model, self._model_version = rewrite.model, rewrite.model_version
        self._path: target.PathRule | None = None
        if rewrite.path is not None:
            self._path = target.PathRule(rewrite.path.source or prefix, rewrite.path.to)
        self._query = [(name.encode(), value.encode()) for name, value in rewrite.query_set.items()]
        self._query_remove = frozenset([name.encode() for name in rewrite.query_remove])
        self._json = [(json_text.parts_of(pointer), value.encode()) for pointer, value in rewrite.json.items()]
        self._host = rewrite.host.encode()
        self._answer = rewrite.answer
        self._answer_set: Names = [
            (json_text.parts_of(pointer), b"", value.encode()) for pointer, value in rewrite.answer_set.items()
        ]
        drop = [*rewrite.headers_remove, *rewrite.headers_set]
        fields = [f"{name}: {value}\r\n" for name, value in rewrite.headers_set.items()]
        if credential.source != "client":
            drop += [*CREDENTIAL_FIELDS, *identities]
        secret = CREDENTIAL_PARAMETERS if credential.source != "client" else ()
        self._secret = frozenset([name.encode() for name in secret])
        if credential.source == "own":
            drop.append(credential.header)
            fields.append(f"{credential.header}: {credential.value}\r\n")
        if self._maps_names():
            drop.append("accept-encoding")  # an answer is read on its way
            fields.append("accept-encoding: identity\r\n")
        self._drop = same_names(drop)
        self._fields = "".join(fields).encode("latin-1")
        self.holds = rewrite.reads_bodies
        self.calls = False

    def _maps_names(self) -> bool:
        named = self._model or self._model_version or self._path is not None or _MODEL in [at for at, _ in self._json]
        return bool(self._answer_set) or (self._answer and bool(named))

    def _in_messages(self) -> bool:
        """Whether something is rewritten that calls of gRPC have in their messages, or not at all."""
        return self.holds or bool(self._model_version or self._answer_set or self._query)

    def authority(self, head: RequestHead) -> bytes:
        """The Host of a request; empty: that of the version's URL."""
        if self._host == OWN_HOST.encode():
            return b""
        return head.authority if self._host == CLIENT_HOST.encode() else self._host

    def trailers(self, block: bytes) -> bytes:
        """The fields behind a request's body: what this version does not get, it does not get there either."""
        return without_fields(block, self._drop)

    def reads_body(self, head: RequestHead) -> bool:
        """Whether the body of an inference has to be at hand."""
        return self._changes_body(head)

    def _changes_body(self, head: RequestHead) -> bool:
        if not self.holds or head.tunnel or not (head.streamed or head.length) or _is_call(head):
            return False
        return bool(self._json) or not target.named_in(head.path)[0]

    def applied(self, head: RequestHead, body: bytes | None, inference: bool) -> Rewritten:
        """The request for this version. `body`: whole, or None where it is not at hand. Raises Unwritable."""
        names: Names = []
        made: bytes | None = None
        without = self._drop
        fields = self._fields
        if _DOTS.search(head.path):
            raise Unwritable(PATH, "the path has a segment . or .., which says where it leads only to the server")
        if inference and self._in_messages() and _is_call(head):
            raise Unwritable(GRPC, "the messages of gRPC are not rewritten for a version")
        path = self._new_path(head, inference, names)
        if self._changes_body(head):
            try:
                if body is None or len(body) > MAX_REWRITTEN:
                    raise Unwritable(TOO_LARGE, f"bodies of up to {MAX_REWRITTEN} bytes are rewritten for a version")
                made = self._new_body(head, body, inference, names)
            except Unwritable:
                if inference:
                    raise
        elif inference and self._model and not target.named_in(head.path)[0]:
            raise Unwritable(PATH, "the request names its model neither in its path nor in a body")
        if made is not None:
            without = without.union(_DIGESTS)
            if head.field(b"content-encoding") is not None:
                without = without.union([b"content-encoding"])
            json_size = head.field(_TENSORS)
            if json_size is not None and body is not None:
                without = without.union([_TENSORS])
                fields += b"%b: %d\r\n" % (_TENSORS, int(json_size) + len(made) - len(body))
        changed = head.changed(self._new_target(head, path), without_fields(head.fields, without) + fields)
        if made is not None:
            changed.length, changed.streamed = len(made), False
        if not self._answer:
            names = []
        return Rewritten(changed, made, names + self._answer_set)

    def _new_path(self, head: RequestHead, inference: bool, names: Names) -> bytes:
        before = path = head.path
        if self._path is not None:
            replaced = self._path.applied(path)
            if replaced is not None:
                path = replaced
            elif inference:
                raise Unwritable(PATH, "the path does not begin with what is to be replaced for the version")
        if self._model or self._model_version:
            replaced = target.with_model(path, self._model, self._model_version)
            if replaced is not None:
                path = replaced
            elif inference and self._model_version:
                raise Unwritable(PATH, "the path names no model whose version could be set")
        if path != before:
            (old, old_version), (new, new_version) = target.named_in(before), target.named_in(path)
            if old and new and old != new:
                names += [([place], _json_of(new), _json_of(old)) for place in ("model_name", "model")]
            if old_version and new_version and old_version != new_version:
                names.append((["model_version"], _json_of(new_version), _json_of(old_version)))
        return path

    def _new_target(self, head: RequestHead, path: bytes) -> bytes:
        made = path + head.target[len(head.path) :]
        wanted = self._query
        if self._model and _MODEL_PARAMETER.search(made):
            wanted = [*wanted, (b"model", self._model.encode())]
        if not (wanted or self._query_remove or (self._secret and b"?" in made)):
            return made
        return target.with_query(made, wanted, self._query_remove, self._secret)

    def _new_body(self, head: RequestHead, body: bytes, inference: bool, names: Names) -> bytes:
        values = self._json
        if self._model and not target.named_in(head.path)[0]:
            values = [(_MODEL, json.dumps(self._model).encode()), *values]
        coding = head.field(b"content-encoding")
        plain = expanded.plain(body, coding)
        if plain is None:
            raise Unwritable(CODING, "the body has a content coding that cannot be read, or is too large without it")
        media = head.field(b"content-type") or b""
        rest = b""
        json_size = head.field(_TENSORS)
        if media.lower().startswith(b"multipart/form-data"):
            if json_size is not None:
                raise Unwritable(NOT_JSON, "the body is a form, and has no JSON of a size of its own")
            return _new_form(plain, media, values, inference, names)
        if json_size is not None:
            if not json_size.isdigit() or len(json_size) > 9 or int(json_size) > len(plain) or plain is not body:
                raise Unwritable(NOT_JSON, "the body is shorter than its JSON is said to be")
            plain, rest = plain[: int(json_size)], plain[int(json_size) :]
        _check(plain)
        made = json_text.with_values(plain, values, inference)
        for parts, value in values:
            if parts == _MODEL:
                _note_model(plain, value, names)
        return made + rest


def _new_form(plain: bytes, media: bytes, values: list[tuple[list[str], bytes]], adds: bool, names: Names) -> bytes:
    """A form: members of its one level are its fields."""
    fields: list[tuple[bytes, bytes]] = []
    for parts, value in values:
        if len(parts) != 1:
            raise Unwritable(NOT_JSON, "the body is a form, which has fields and nothing below them")
        text = json.loads(value)
        fields.append((parts[0].encode(), text.encode() if isinstance(text, str) else value))
        before = form.value_of(plain, media, b"model") if parts == _MODEL else None
        if before is not None:
            names.append((_MODEL, value, _json_of(before)))
    return form.with_fields(plain, media, fields, adds)


def _check(plain: bytes) -> None:
    if is_costly(plain):
        raise Unwritable(TOO_LARGE, "the JSON of the body costs too much to be read")
    try:
        _read(plain)
    except (ValueError, RecursionError) as error:
        raise Unwritable(NOT_JSON, "the body is not JSON") from error
    if plain[:4].find(b"\0") >= 0 or plain[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Unwritable(NOT_JSON, "the body is not JSON in UTF-8")


def _read(plain: bytes) -> None:
    try:
        json.loads(plain)
    except ValueError as fault:
        if type(fault) is not ValueError:
            raise
        json.loads(plain, parse_int=float)  # Python makes no number of more than 4,300 digits; JSON has no such limit


def _note_model(plain: bytes, value: bytes, names: Names) -> None:
    """Which model the client asked for, where that is another one: the last of several counts for most readers."""
    places = json_text.places_of(plain, _MODEL)
    if not places:
        return
    before = plain[places[-1][0] : places[-1][1]]
    if before.startswith(b'"') and json.loads(before) != json.loads(value):
        for parts in (_MODEL, ["model_name"], ["response", "model"], ["message", "model"]):
            names.append((parts, value, before))


def _is_call(head: RequestHead) -> bool:
    return is_grpc(head.field(b"content-type"))


def _json_of(name: bytes) -> bytes:
    return json.dumps(name.decode("utf-8", "replace")).encode()


def plan_of(
    rewrite: Rewrite | None, credential: Credential | None, prefix: str, identities: tuple[str, ...] = ()
) -> RewritePlan | None:
    """The plan of a version on a route whose paths begin with `prefix`; None: requests go as they come. `identities`:
    names (lower case) of fields that tell who a client is."""
    if rewrite is None and credential is None:
        return None
    return RewritePlan(rewrite or Rewrite(), credential or Credential(), prefix, identities)


def without_digests(block: bytes) -> bytes:
    """A block of fields without digests of a body."""
    return without_fields(block, _DIGESTS)
