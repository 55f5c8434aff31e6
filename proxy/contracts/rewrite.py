"""What a version is on a server that serves several: another model, path or key, as configured.

A request is rewritten for the version that gets it, and for nobody else; what cannot be rewritten goes nowhere.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from msgspec import Struct

OWN_HOST = "version"
CLIENT_HOST = "client"
"""Words for `Rewrite.host`; anything else is the name itself."""

CredentialSource = Literal["client", "none", "own"]

CREDENTIAL_FIELDS = (
    "authorization",
    "cookie",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
)
"""Fields (lower case) in which clients of model servers and hosted APIs prove who they are. A version that has a
credential of its own, or gets none, gets none of them from the client."""

CREDENTIAL_PARAMETERS = (
    *("access_token", "api-key", "api_key", "apikey", "key", "subscription-key", "x-api-key"),
    *("x-amz-credential", "x-amz-security-token", "x-amz-signature"),
)
"""Parameters of the query (lower case) in which they do so: `key` of Gemini, `access_token` of RFC 6750."""

BODY_DIGESTS = ("content-md5", "digest", "content-digest", "repr-digest")
"""Fields (lower case) that hold a digest of the body (RFC 9530): untrue once it is rewritten, and then left out."""


_SECRET = ("headers_set", "query_set")
_VALUES = ("json", "answer_set")

REDACTED = "[redacted]"
_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|authorization|signature", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(?:sk-|hf_|gh[a-z]_|xox[a-z]-|AKIA|eyJ|Bearer |Basic ).*"
    r"|(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+_=-]{24,}",
    re.DOTALL,
)
"""What begins as tokens of services do, or has letters of both cases and digits as random ones have."""


class PathRewrite(Struct, frozen=True):
    """A path prefix and what stands in its place; the rest of the path stays."""

    to: str
    """Literal, or with the named parts of `source`, as `{name}`."""
    source: str = ""
    """Prefix on segment boundaries, in which `{name}` is a part of a segment; "": that of the route."""


class Rewrite(Struct, frozen=True, omit_defaults=True):
    """What is changed in a request for one version."""

    model: str = ""
    """Name of the model, set where the protocol carries it; "": as the client says."""
    model_version: str = ""
    """`/versions/…` of the model in the path, likewise."""
    path: PathRewrite | None = None
    query_set: dict[str, str] = {}
    query_remove: tuple[str, ...] = ()
    json: dict[str, str] = {}
    """JSON pointers into the body, to values as JSON."""
    headers_set: dict[str, str] = {}
    """Field names in lower case, likewise below."""
    headers_remove: tuple[str, ...] = ()
    host: str = OWN_HOST
    """`version`, `client`, or the name that is sent as `Host`."""
    answer: bool = True
    """Whether names that were rewritten are mapped back in answers."""
    answer_set: dict[str, str] = {}
    """JSON pointers into answers, to values as JSON: those that stand there are replaced."""

    @property
    def reads_bodies(self) -> bool:
        """Whether a request may have to be whole before it is sent."""
        return bool(self.json or self.model)

    def told(self) -> dict[str, object]:
        """What is rewritten, without the values of fields and of the query, which may be secrets (`?key=…`), and
        without those of bodies that look like some."""
        usual = Rewrite()
        given = {key: getattr(self, key) for key in self.__struct_fields__}
        changed = {key: value for key, value in given.items() if value != getattr(usual, key)}
        return {key: _told(key, value) for key, value in changed.items()}


def _told(key: str, value: Any) -> object:
    if key in _SECRET:
        return sorted(value)
    if key in _VALUES:
        return {pointer: _without_secrets(pointer, text) for pointer, text in value.items()}
    return value


def _without_secrets(pointer: str, text: str) -> str:
    document = json.loads(text)
    shown = _redacted(pointer.rpartition("/")[2], document)
    return text if shown == document else json.dumps(shown)


def _redacted(name: str, value: Any) -> Any:
    """A value without the texts in it that look like secrets, by the name of their place or by themselves."""
    if isinstance(value, dict):
        return {key: _redacted(key, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_redacted(name, each) for each in value]
    secret = isinstance(value, str) and (_SECRET_NAME.search(name) or _SECRET_TEXT.fullmatch(value))
    return REDACTED if secret else value


class Credential(Struct, frozen=True, omit_defaults=True):
    """What a version is told about who asks."""

    source: CredentialSource = "client"
    """`client`: the client's own fields; `none`: none of them; `own`: the version's."""
    header: str = "authorization"
    value: str = ""
    """The whole value of the field."""
    file: str = ""
    """Path that the value was read from; "": it stood in the configuration."""

    def __repr__(self) -> str:
        """Without the value, which no text may show."""
        return f"Credential(source={self.source!r}, header={self.header!r})"

    __str__ = __repr__
