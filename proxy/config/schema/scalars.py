"""JSON Schema of a single value of a configuration.

A file is YAML, and its reader takes each scalar as the text that was written: `10` and `"10"` are the same number, and
a commit `1234` is a text. An editor sees YAML 1.2 values instead, so most schemas here allow more than one type; the
bounds hold for numbers, the pattern for texts. A text with `${` in it is a variable and may stand for anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from proxy.config import fleet, load, notify, rewrite, tls, values
from proxy.config.calls import GRPC_NAME, grpc_name
from proxy.config.model_url import served_url
from proxy.config.values import Known, Number, OneOf, Parser, Whole

Schema = dict[str, Any]

VARIABLE = r"\$\{"
TEXT = ["string", "number", "boolean"]
"""JSON types that YAML makes of a text without quotes."""

SCHEME = "[Hh][Tt][Tt][Pp]"
SECURE = f"{SCHEME}[Ss]"
SECURE_STORE = "(redis|valkey)s"
LINE = re.compile(r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*")
WEB = re.compile(SCHEME + r'[Ss]?://[!"$-?A-~]+')


def whole_text(*patterns: re.Pattern[str] | str) -> str:
    """A pattern for the whole of a text, or a variable."""
    sources = (each if isinstance(each, str) else each.pattern for each in patterns)
    return f"^({'|'.join(f'({source})' for source in sources)})$|{VARIABLE}"


def text(*patterns: re.Pattern[str] | str, types: str | list[str] = "string") -> Schema:
    return {"type": types, "pattern": whole_text(*patterns)}


def number(pattern: re.Pattern[str] | str, kind: str = "number", **bounds: float) -> Schema:
    return {"type": [kind, "string"], "pattern": whole_text(pattern)} | bounds


def words(*choices: str) -> Schema:
    """One of some words; a word that YAML takes for something else stands in both forms."""
    return {"anyOf": [{"enum": list(choices)}, {"type": "string", "pattern": VARIABLE}]}


_BASE = f"({SCHEME}|[Gg][Rr][Pp][Cc])[Ss]?([+][Dd][Nn][Ss]|[+][Ss][Rr][Vv])?://({values.AUTHORITY.pattern})({values.PATH.pattern})?"
_KEY = f"(header|cookie):({values.TOKEN.pattern})"
_WORKERS = load.WORKERS

SCALARS: dict[Callable[[str], Any], Schema] = {
    load.workers: number(f"auto|{values.WHOLE.pattern}", "integer", minimum=_WORKERS.low, maximum=_WORKERS.high),
    values.address: text(values.ADDRESS),
    values.glob: text(values.GLOB, types=TEXT),
    values.selection: text(values.GLOB, values.POINTER, types=TEXT),
    served_url: text(_BASE),
    values.duration: text(values.DURATION),
    values.duration_or_none: text("0", values.DURATION, types=["integer", "string"]) | {"minimum": 0, "maximum": 0},
    values.header_name: text(values.TOKEN, types=TEXT),
    values.header_value: text(values.VISIBLE, types=TEXT),
    values.hook_url: text(WEB),
    notify.destination: text(WEB, rf"file:({LINE.pattern})"),
    values.identity: text(f"protocol|none|header:({values.TOKEN.pattern})|json:({values.POINTER.pattern})"),
    values.host_name: text(values.HOST_NAME, types=["boolean", "string"]),  # no number is one
    fleet.address: text(fleet.ADDRESS),
    values.name: text(values.NAME, types=TEXT) | {"minimum": 0},
    values.patience: text(values.DURATION),
    values.path_prefix: text(values.PATH),
    grpc_name: text(GRPC_NAME, types=["string", "boolean"]),
    values.plain: text(LINE, types=TEXT),
    values.redaction: text(values.REDACTION),
    values.pointer: text("", values.POINTER, types=["string", "null"]),
    values.probability: number(values.NUMBER, exclusiveMinimum=0, exclusiveMaximum=1),
    values.readable: text(LINE, types=TEXT),
    values.secret: text("[!-~]*", types=[*TEXT, "null"]),
    values.size: number(values.SIZE, "integer", minimum=1, maximum=values.MAX_SIZE_BYTES),
    values.size_or_none: number(values.SIZE, "integer", minimum=0, maximum=values.MAX_SIZE_BYTES),
    values.span: text(values.DURATION, values.DAYS),
    values.sticky: text(_KEY, f"json:({values.POINTER.pattern})"),
    values.currency: text(values.CURRENCY, types=["boolean", "string"]),
    rewrite.credential: text(values.VISIBLE, types=TEXT),
    rewrite.json_value: {"type": [*TEXT, "null"]},
    rewrite.member_pointer: text(values.POINTER),
    rewrite.path_template: text(rewrite.TEMPLATE),
    rewrite.sent_host: text(values.AUTHORITY, types=TEXT) | {"minimum": 0},
    tls.allowed_peer: text(tls.ALLOWED_PEER),
    tls.identity_header: text(values.TOKEN, types=TEXT),
    tls.san: text(tls.SAN),
    values.truth: text("true|false", types=["boolean", "string"]),
}
"""Each parser without parameters; a new one that is not here ends in a KeyError, which a test finds."""


def scalar(parser: Parser) -> Schema:
    """JSON Schema of the values that `parser` takes."""
    match parser:
        case Number(low, high, above):
            least = {"exclusiveMinimum" if above else "minimum": low}
            return number(values.NUMBER, maximum=high) | least
        case Whole(low, high):
            return number(values.WHOLE, "integer", minimum=low, maximum=high)
        case OneOf(choices):
            return words(*choices)
        case Known():
            return SCALARS[values.name]
        case _:
            return SCALARS[parser]


def allowed(parser: Parser) -> str:
    """The words in which a mistake is told what would have been right."""
    if isinstance(parser, Known):
        return "a version of this file"
    for wrong in ("/", "\0"):
        try:
            parser(wrong)
        except values.Refused as refused:
            return refused.allowed
    raise AssertionError(f"{parser} takes anything")
