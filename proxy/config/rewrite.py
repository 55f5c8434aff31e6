"""`versions.NAME.rewrite` and `versions.NAME.authorization`: what a version is on a server that has several.

What a secret is must not be repeated: texts of mistakes say `a value that is not shown` in its place.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from math import isfinite

from proxy import files
from proxy.config import values
from proxy.config.section import Section
from proxy.config.values import Refused
from proxy.contracts.field_rules import REQUEST_SPECIAL
from proxy.contracts.rewrite import BODY_DIGESTS, CLIENT_HOST, OWN_HOST, Credential, PathRewrite, Rewrite
from proxy.contracts.settings import RouteSettings
from proxy.routing.match import decoded
from proxy.routing.rewrite.target import faults_of

MAX_SECRET_BYTES = 16 * 1024
"""Bytes of a credential, or of the file that holds it: signed tokens take up to a few KiB."""

HIDDEN = "a value that is not shown"

TEMPLATE = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%{}/-]*")
_OWN = {name.decode() for name in REQUEST_SPECIAL} | {"content-encoding", "inference-header-content-length"}
_KEYLESS = ("mlflow", "opaque")
"""Protocols that carry no name of a model anywhere."""
_VERSIONED = ("oip", "kserve-v1", "auto")
"""Protocols whose paths have a place for the version of a model."""


def path_template(text: str) -> str:
    """The beginning of a path, in which `{name}` stands for a part of a segment."""
    if not TEMPLATE.fullmatch(text):
        raise Refused("a path that begins with / and has no query, such as /v1/models/{name}:predict")
    return text


def json_value(text: str) -> str:
    """A value, as JSON: what reads as JSON is that, all else a string."""
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise Refused("JSON, or a text on one line, which is a string")
    try:
        value = json.loads(text)
        if not isinstance(value, float) or isfinite(value):
            return text.strip()
    except (ValueError, RecursionError):
        pass
    return json.dumps(text)


def member_pointer(text: str) -> str:
    """A JSON pointer (RFC 6901) to something within a document."""
    if not values.POINTER.fullmatch(text):
        raise Refused("a JSON pointer such as /model (RFC 6901)")
    return text


def sent_host(text: str) -> str:
    """`version`, `client`, or the name that is sent."""
    if text not in (OWN_HOST, CLIENT_HOST) and not values.AUTHORITY.fullmatch(text):
        raise Refused("version | client | a host name, with or without a port")
    return text if text == CLIENT_HOST else text.lower()


def credential(text: str) -> str:
    """A token, or a scheme and what belongs to it; it is never shown."""
    if not values.VISIBLE.fullmatch(text) or len(text) > MAX_SECRET_BYTES:
        allowed = f"a token, or a scheme and a token such as Basic dTpw: printable ASCII, at most {MAX_SECRET_BYTES}"
        raise Refused(allowed, found=HIDDEN if text else None)
    return text


def read_rewrite(section: Section) -> Rewrite | None:
    """`rewrite` of a version; None where there is none."""
    inner = section.section("rewrite")
    query, headers = inner.section("query"), inner.section("headers")
    answer, answer_set = _answer(inner)
    made = Rewrite(
        model=inner.take("model", values.plain, ""),
        model_version=inner.take("model_version", values.plain, ""),
        path=_path(inner),
        query_set=query.pairs("set", values.plain, values.plain),
        query_remove=query.values("remove", values.plain),
        json=inner.pairs("json", member_pointer, json_value),
        headers_set=headers.pairs("set", values.header_name, values.header_value),
        headers_remove=headers.values("remove", values.header_name),
        host=inner.take("host", sent_host, OWN_HOST),
        answer=answer,
        answer_set=answer_set,
    )
    _check_headers(headers, made)
    _check_places(inner, made)
    for each in (query, headers, inner):
        each.finish()
    return None if made == Rewrite() else made


def _path(rewrite: Section) -> PathRewrite | None:
    if "path" not in rewrite:
        return None
    section = rewrite.section("path")
    source = section.take("from", path_template, "")
    to = section.take("to", path_template, "", required=True)
    if fault := faults_of(source, to):
        section.refuse("", "named parts", fault)
    section.finish()
    return PathRewrite(to, source)


def _answer(rewrite: Section) -> tuple[bool, dict[str, str]]:
    value = rewrite.choice("answer", {"auto": True, "off": False})
    if not isinstance(value, Section):
        return value is not False, {}
    pairs = value.pairs("json", member_pointer, json_value)
    value.finish()
    return True, pairs


def _check_headers(section: Section, made: Rewrite) -> None:
    for key, names in (("set", made.headers_set), ("remove", made.headers_remove)):
        for name in names:
            if name in _OWN or (key == "set" and name in BODY_DIGESTS) or name.startswith("x-penumbra-"):
                section.refuse(
                    key, name, "fields that are not this proxy's own: it writes framing, ids and Host itself"
                )
    for name in ("authorization", "proxy-authorization"):
        if name in made.headers_set:
            section.refuse(f"set.{name}", HIDDEN, "`authorization` of the version, beside `rewrite`")
    for name in made.headers_remove:
        if name in made.headers_set:
            section.refuse("remove", f"{name}, which is set, too", "a name either in set or in remove")


def _check_places(section: Section, made: Rewrite) -> None:
    if made.model and "/model" in made.json:
        section.refuse("json./model", "the model a second time", "either model or json./model")
    for name in made.query_remove:
        if name in made.query_set:
            section.refuse("query.remove", f"{name}, which is set, too", "a name either in set or in remove")


def read_credential(section: Section) -> Credential | None:
    """`authorization` of a version; None: the client's is passed on."""
    value = section.choice("authorization", {"client": Credential(), "none": Credential("none")}, credential)
    if value is None or isinstance(value, Credential):
        return None if value == Credential() else value
    if isinstance(value, str):
        return Credential("own", "authorization", _with_scheme(value, "Bearer"))
    header = value.take("header", values.header_name, "authorization")
    if header in _OWN - {"authorization"} or header in BODY_DIGESTS:
        value.refuse("header", header, "a field that carries a credential, such as authorization, api-key or x-api-key")
    scheme = value.take("scheme", values.name, "Bearer" if header == "authorization" else "")
    token, path = value.take("token", credential, ""), value.take("file", values.plain, "")
    if ("token" in value) == ("file" in value):
        value.refuse("", "both token and file" if token else "neither token nor file", "one of the two")
    value.finish()
    secret = _secret_in(value, path) if path else token
    return Credential("own", header, _with_scheme(secret, scheme), path)


def _with_scheme(secret: str, scheme: str) -> str:
    return f"{scheme} {secret}" if scheme and " " not in secret else secret


def _secret_in(section: Section, path: str) -> str:
    """What the file at `path` holds, less white space around it."""
    try:
        return credential(files.content(os.fspath(path), MAX_SECRET_BYTES).decode().strip())
    except files.UnusableFileError as error:
        section.refuse("file", f"{path}: {error.found}", error.allowed)
    except OSError as error:
        section.refuse("file", f"{path}: {error.strerror}", "a file that can be read")
    except UnicodeDecodeError:
        section.refuse("file", f"{path}: {HIDDEN}", "a text in ASCII")
    except Refused as refused:
        section.refuse("file", f"{path}: {refused.found or 'nothing'}", refused.allowed)
    return ""


def refuse_unfit(root: Section, routes: Iterable[RouteSettings], rewrites: dict[str, Rewrite]) -> None:
    """Reports rewrites that can do nothing on a route that their version serves."""
    for route in routes:
        for name in route.named:
            if name in rewrites:
                _refuse_unfit(root, route, name, rewrites[name])


def _refuse_unfit(root: Section, route: RouteSettings, name: str, rewrite: Rewrite) -> None:
    path = f"versions.{name}.rewrite"
    if route.calls:
        _refuse_in_messages(root, route, path, rewrite)
        return
    if rewrite.model and route.protocol in _KEYLESS:
        allowed = "path or json: that protocol has no place for the name of a model"
        root.refuse(f"{path}.model", f"a model beside protocol: {route.protocol} of routes.{route.name}", allowed)
    if rewrite.model_version and route.protocol not in _VERSIONED:
        found = f"a version of the model beside protocol: {route.protocol} of routes.{route.name}"
        root.refuse(f"{path}.model_version", found, f"one of the protocols {', '.join(_VERSIONED)}, or path")
    if rewrite.path is not None and rewrite.path.source:
        begun = decoded(rewrite.path.source.partition("{")[0].encode()).rstrip(b"/")
        matched = decoded(route.match.path.encode()).rstrip(b"/")
        if not (begun.startswith(matched) or matched.startswith(begun)):
            found = f"{rewrite.path.source}, which no path of routes.{route.name} begins with"
            root.refuse(f"{path}.path.from", found, f"a path within {route.match.path}, the match of that route")


def _refuse_in_messages(root: Section, route: RouteSettings, path: str, rewrite: Rewrite) -> None:
    """Of calls of gRPC head and path are rewritten; their messages are not, and they have no query."""
    places = {
        "model": rewrite.model,
        "model_version": rewrite.model_version,
        "json": rewrite.json,
        "query": rewrite.query_set or rewrite.query_remove,
        "answer.json": rewrite.answer_set,
    }
    for key, value in places.items():
        if value and not root.refused(f"{path}.{key}"):
            allowed = (
                "headers, host or path: messages of gRPC are not rewritten, so name the model by a server of its own"
            )
            root.refuse(f"{path}.{key}", f"a rewrite for routes.{route.name}, a route of gRPC", allowed)
