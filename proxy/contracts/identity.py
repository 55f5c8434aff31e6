"""Identity: what an answer says of who gave it, as one bounded text that is the same for the same model.

A version is an address. What answers there may be replaced behind it, and the answer alone tells: `model_version` of
the Open Inference Protocol, `model` and `system_fingerprint` of OpenAI's kin, a header of one's own. Where an answer
says nothing (an error, a head of another server), nothing follows: absence is no change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from proxy.contracts.bounds import MAX_NAME, shortened, writable

IdentitySource = Literal["protocol", "none", "header", "json"]
"""Where an answer says who gave it: in the fields of its protocol, nowhere, in a header, or at a JSON pointer."""

MAX_IDENTITY = MAX_NAME
"""Characters of an identity: names of models and fingerprints are shorter. A longer one is its beginning and its hash,
so that two of them stay two."""

MAX_WORDS = 16 * MAX_IDENTITY
"""Characters of a text whose white space is looked at."""

MAX_TICK_IDENTITIES = 16
"""Identities of one arm that a tick carries; answers that name further ones are counted together."""

IDENTITY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "oip": ("model_name", "model_version"),
    "grpc": ("model_name", "model_version"),
    "openai": ("model", "system_fingerprint", "modelVersion"),
}
"""Protocol to the fields of an answer that say who gave it. Other protocols promise none."""


class Identity(Struct, frozen=True):
    """The place in an answer that is watched."""

    source: IdentitySource = "protocol"
    name: str = ""
    """Name of the header (lower case), or a JSON pointer (RFC 6901) into the body."""


class IdentityChange(Struct, frozen=True):
    """Another model under the name of a version."""

    version: str
    before: tuple[str, ...]
    """The identities that answered before."""
    after: tuple[str, ...]
    """Those that answer now."""

    def __str__(self) -> str:
        return f"{' and '.join(self.after)} in place of {' and '.join(self.before)}"


def in_bodies(identity: Identity, protocol: str) -> bool:
    """Whether the bodies of a route's answers are asked who gave them."""
    return identity.source == "json" or (identity.source == "protocol" and protocol in (*IDENTITY_FIELDS, "auto"))


def bounded(text: str) -> str:
    """`text` on one line, in at most `MAX_IDENTITY` characters."""
    if len(text) <= MAX_IDENTITY and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()  # nearly all
    # A text of megabytes may be millions of words.
    return writable(shortened(" ".join(shortened(text, MAX_WORDS).split()), MAX_IDENTITY))


def identity_of(values: Mapping[str, Any]) -> str:
    """The identity in named values, "" where none of them says anything.

    >>> identity_of({"model_name": "iris", "model_version": 2})
    'model_name=iris, model_version=2'
    >>> identity_of({"model": None, "system_fingerprint": ""})
    ''
    """
    said = [(name, value) for name, value in values.items() if _says(value)]
    return bounded(", ".join([f"{name}={value}" for name, value in said])) if said else ""


def _says(value: Any) -> bool:
    return (isinstance(value, str) and bool(value.strip())) or type(value) in (int, float)
