"""Texts of a configuration → values. Each parser takes a text and raises `Refused` with what is allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from ipaddress import ip_address
from math import isfinite
from typing import Any, get_args
from urllib.parse import urlsplit

from msgspec import Struct

from proxy import files
from proxy.contracts.address import Address
from proxy.contracts.identity import Identity, IdentitySource
from proxy.contracts.strategies import MAX_STAGE_DAYS
from proxy.contracts.table import Sticky, StickySource

Parser = Callable[[str], Any]

DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
DAYS = re.compile(r"([0-9]{1,2})d")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
SIZE = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB)?")
_BYTES = {None: 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?([eE][-+]?[0-9]{1,3})?")
WHOLE = re.compile(r"[0-9]{1,15}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
CURRENCY = re.compile(r"[A-Za-z]{1,16}")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})")
HOST = re.compile(rf"\[[0-9A-Fa-f:.]{{2,45}}\]|{HOST_NAME.pattern}")
ADDRESS = re.compile(rf"({HOST.pattern}|\*)?:([0-9]{{1,5}})")
LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
"""A label of a name (RFC 1035 §2.3.4; underscores as in names of containers)."""
AUTHORITY = re.compile(rf"({HOST.pattern})(?::([0-9]{{1,5}}))?")
PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
VISIBLE = re.compile(r"[!-~]([ -~]*[!-~])?")
POINTER = re.compile(r"(/([^~/]|~[01])*)+")
GLOB = re.compile(r"[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,255}")

MAX_SECONDS = 24 * 3600.0
"""A longer wait than a day is a mistake in the unit."""

MAX_SIZE_BYTES = 1024**4
"""More than any machine has; the largest size that can be said."""


class Refused(ValueError):
    """`allowed` says what would have been right; `found` replaces the text itself where that must not be shown."""

    def __init__(self, allowed: str, found: str | None = None) -> None:
        super().__init__(allowed)
        self.allowed = allowed
        self.found = found


def duration(text: str) -> float:
    """Seconds, above zero."""
    match = DURATION.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0.0 < seconds <= MAX_SECONDS:
        raise Refused("a duration such as 500ms, 2s or 1m, above 0 and at most 24h")
    return seconds


def duration_or_none(text: str) -> float:
    """Seconds, or 0 for none."""
    if text == "0":
        return 0.0
    try:
        return duration(text)
    except Refused as refused:
        raise Refused(f"0, or {refused.allowed}") from refused


MIN_PATIENCE_SECONDS = 1.0
"""Seconds of silence that every process is allowed: four beats, and twice what a supervisor's look may be late."""


def patience(text: str) -> float:
    """Seconds after which what is silent is given up."""
    try:
        seconds = duration(text)
    except Refused:
        seconds = 0.0
    if seconds < MIN_PATIENCE_SECONDS:
        raise Refused("a duration such as 1500ms, 10s or 1m, at least 1s and at most 24h")
    return seconds


def span(text: str) -> float:
    """Seconds of something that people wait for: as a duration, but also in days."""
    match = DAYS.fullmatch(text)
    if not match:
        try:
            return duration(text)
        except Refused:
            pass
    if not match or not 0 < int(match[1]) <= MAX_STAGE_DAYS:
        raise Refused(f"a duration such as 60s, 30m, 12h or 3d, above 0 and at most {MAX_STAGE_DAYS}d")
    return int(match[1]) * 24 * 3600.0


def hook_url(text: str) -> str:
    """An `http://` or `https://` URL without credentials."""
    allowed = "http(s)://host[:port][/path] without user name or password"
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, fine = urlsplit(""), False
    if "@" in text or "#" in text or not fine or not VISIBLE.fullmatch(text) or " " in text or len(text) > 2048:
        raise Refused(allowed, "a URL with credentials" if "@" in text else None)
    possible_host(parts.hostname or "")
    return text


def is_secure(url: str) -> bool:
    """Whether what stands at a `hook_url` is spoken to by TLS."""
    return url.lower().startswith("https:")


def size(text: str) -> int:
    """Bytes, at least one."""
    match = SIZE.fullmatch(text)
    number = int(match[1]) * _BYTES[match[2]] if match else 0
    if not 0 < number <= MAX_SIZE_BYTES:
        raise Refused("a size such as 4096, 512KiB, 64MiB or 2GiB, above 0 and at most 1024GiB")
    return number


def size_or_none(text: str) -> int:
    """Bytes, or 0 for none."""
    if text == "0":
        return 0
    try:
        return size(text)
    except Refused as refused:
        raise Refused(f"0, or {refused.allowed}") from refused


def nearest(text: str, words: Iterable[str]) -> str:
    """What may have been meant, as the end of a sentence; empty where nothing is near."""
    known = list(words)
    close = get_close_matches(text.lower().replace("-", "_"), known, n=1) or get_close_matches(text, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


class Number(Struct, frozen=True):
    """A parser of decimal numbers from `low` (`above`: beyond it) to `high`."""

    low: float
    high: float
    above: bool = False

    def __call__(self, text: str) -> float:
        value = float(text) if NUMBER.fullmatch(text) else -1.0
        if not (isfinite(value) and self.low <= value <= self.high) or (self.above and value == self.low):
            low, high = ("above", "and at most") if self.above else ("from", "to")
            raise Refused(f"a number {low} {self.low:g} {high} {self.high:g}")
        return value


percent = Number(0, 100)
fraction = Number(0, 1)
ratio = Number(0, 1e6, above=True)
amount = Number(0, 1e9)
"""An amount of money: a price."""


def probability(text: str) -> float:
    """A probability that is neither impossible nor certain."""
    value = float(text) if NUMBER.fullmatch(text) else 0.0
    if not 0.0 < value < 1.0:
        raise Refused("a probability above 0 and below 1, such as 0.001")
    return value


class Whole(Struct, frozen=True):
    """A parser of whole numbers from `low` to `high`."""

    low: int
    high: int

    def __call__(self, text: str) -> int:
        if not WHOLE.fullmatch(text) or not self.low <= int(text) <= self.high:
            raise Refused(f"a whole number from {self.low} to {self.high}")
        return int(text)


class OneOf(Struct, frozen=True):
    """A parser of a few words."""

    words: tuple[str, ...]

    def __call__(self, text: str) -> Any:
        if text not in self.words:
            raise Refused(" | ".join(self.words) + nearest(text, self.words))
        return text


def one_of(kind: Any) -> OneOf:
    """A parser of the values of a `Literal`."""
    return OneOf(get_args(kind))


class Known(Struct, frozen=True):
    """A parser of the names of configured versions."""

    versions: tuple[str, ...]

    def __call__(self, text: str) -> str:
        if text not in self.versions:
            known = f"{', '.join(self.versions) or 'there is none'}{nearest(text, self.versions)}"
            raise Refused(f"a version of this file: {known}")
        return text


def truth(text: str) -> bool:
    """`true` or `false`, nothing else."""
    return bool(OneOf(("true", "false"))(text) == "true")


def name(text: str) -> str:
    """A name of a route or version: it stands in URLs, headers and metric labels."""
    if not NAME.fullmatch(text):
        raise Refused("1 to 100 of A-Z a-z 0-9 . _ -, beginning with a letter or digit")
    return text


def currency(text: str) -> str:
    """What prices are in: a code of ISO 4217, or a word of one's own; it is a label of metrics."""
    if not CURRENCY.fullmatch(text):
        raise Refused("a currency such as USD, EUR or credits: 1 to 16 letters")
    return text


def plain(text: str) -> str:
    """Any text on one line that is not empty."""
    if not text.strip() or any(ord(c) < 32 or ord(c) == 127 for c in text) or len(text) > 1024:
        raise Refused("a text on one line, not empty, at most 1024 characters")
    return text


def readable(text: str) -> str:
    """The path of a file that is there and can be read."""
    try:
        os.close(files.descriptor(plain(text)))
    except OSError as error:
        raise Refused("the path of a file that can be read") from error
    return text


def secret(text: str) -> str:
    """A token as it stands in an Authorization header; it is never shown."""
    if text and (not VISIBLE.fullmatch(text) or " " in text or len(text) > 1024):
        raise Refused("at most 1024 printable ASCII characters without spaces", found="a value that is not shown")
    return text


def address(text: str) -> Address:
    """`host:port`, or `:port` for every address of the host; port 0 lets the kernel choose."""
    match = ADDRESS.fullmatch(text)
    if not match or int(match[2]) > 65535:
        raise Refused("host:port, such as 127.0.0.1:8080 or [::1]:8080, or :8080 for every address, port 0 to 65535")
    host = (match[1] or "*").strip("[]")
    return Address("" if host == "*" else possible_host(host), int(match[2]))


def host_name(text: str) -> str:
    """A host name without a port, in lower case."""
    if not HOST_NAME.fullmatch(text):
        raise Refused("a host name without a port, such as penumbra.example")
    return possible_host(text.lower())


def hidden(rest: str) -> str | None:
    """A URL with credentials, or with a query that may have some, is not repeated in logs."""
    if "@" in rest:
        return "a URL with credentials"
    return "a URL with a query" if "?" in rest else None


def host_and_port(text: str, allowed: str, default: int = 80) -> tuple[str, int]:
    """An authority without user name → host and port, `default` where there is none."""
    match = AUTHORITY.fullmatch(text)
    port = int(match[2] or default) if match else 0
    if not match or not 0 < port <= 65535:
        raise Refused(f"{allowed}, port 1 to 65535")
    try:
        host = urlsplit(f"http://{text}").hostname
    except ValueError:
        host = None
    if not host:
        raise Refused(allowed)
    possible_host(host)
    return host, port


def possible_host(host: str) -> str:
    """A numeric address without brackets, or a name that can exist: RFC 1035 §2.3.4."""
    try:
        ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
    else:
        return host
    for label in labels:
        if not LABEL.fullmatch(label):
            raise Refused("a host whose labels have 1 to 63 letters, digits, - or _ and neither begin nor end with -")
    if labels[-1].isdigit():
        raise Refused("a host name, or an IPv4 address of four numbers from 0 to 255")
    return host


def path_prefix(text: str) -> str:
    """The beginning of a request path."""
    if not PATH.fullmatch(text):
        raise Refused("a path that begins with / and has no query, such as /v2/models/cancer/; no pattern")
    return text


def header_name(text: str) -> str:
    """A field name (RFC 9110 §5.1), in lower case."""
    if not TOKEN.fullmatch(text):
        raise Refused("a header name such as x-user-id")
    return text.lower()


def header_value(text: str) -> str:
    """A field value (RFC 9110 §5.5) of visible ASCII."""
    if not VISIBLE.fullmatch(text):
        raise Refused("a header value of printable ASCII, not empty")
    return text


def sticky(text: str) -> Sticky:
    """`header:NAME`, `cookie:NAME` or `json:/POINTER`."""
    source, _, key = text.partition(":")
    rules: dict[str, re.Pattern[str]] = {"header": TOKEN, "cookie": TOKEN, "json": POINTER}
    if source not in rules or not rules[source].fullmatch(key):
        raise Refused("header:<name> | cookie:<name> | json:</pointer> (RFC 6901)")
    kind: StickySource = one_of(StickySource)(source)
    return Sticky(kind, key.lower() if kind == "header" else key)


def identity(text: str) -> Identity:
    """`protocol`, `none`, `header:NAME` or `json:/POINTER`."""
    source, _, name = text.partition(":")
    if text in ("protocol", "none"):
        return Identity(one_of(IdentitySource)(text))
    if source == "header" and TOKEN.fullmatch(name):
        return Identity("header", name.lower())
    if source == "json" and POINTER.fullmatch(name):
        return Identity("json", name)
    raise Refused("protocol | none | header:<name> | json:</pointer> (RFC 6901)")


def glob(text: str) -> str:
    """A name, `*` standing for anything."""
    if not GLOB.fullmatch(text):
        raise Refused("a name, * standing for anything, such as score or *_embedding; at most 256 characters")
    return text


def selection(text: str) -> str:
    """Names of features: a glob, or a JSON pointer (RFC 6901) whose parts are globs."""
    if not GLOB.fullmatch(text) and not POINTER.fullmatch(text):
        raise Refused("a name such as user_id or *_id, or a pointer with globs such as /request/ts or /response/*/id")
    return text


_PARTS = r"(?:/(?:[^~/]|~[01])*)"
REDACTION = re.compile(
    rf"/(?:(?:request|answer|primary|candidate){_PARTS}*|(?:query|header|label){_PARTS}?|path/(?:[0-9]{{1,3}}|\*)|request_id)"
)


def redaction(text: str) -> str:
    """Where something is redacted before it is captured: a JSON pointer below a part of an exchange."""
    if not REDACTION.fullmatch(text):
        raise Refused(
            "a pointer such as /request/age, /answer/choices/*/message, /query/user, /header/content-type, /path/2, "
            "/request_id or /label"
        )
    return text


def pointer(text: str) -> str:
    """A JSON pointer (RFC 6901); the empty one is the whole document."""
    if text and not POINTER.fullmatch(text):
        raise Refused("a JSON pointer such as /instances/0 (RFC 6901)")
    return text
