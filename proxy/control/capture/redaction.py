"""Redaction of legs before they are written: `capture.redact` on all routes, and `analysis.redact` of each.

1. Where there are rules for a side, its bodies are redacted or held back; nothing of it is ever written as it came.
2. What `analysis.redact` names, it names as examples show it: the features that are read of a body. So the body that is
   kept is read again, and held back where what is named is still read of it.
3. A sticky key is a plain hash of what a client sent, which can be tried out: where there are rules it is hashed anew.
4. What a version said in a field (`detail`) is a part of its answer. An answer that is an error may quote the request,
   and is held back where there are rules for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from proxy.contracts.observation import Tensor
from proxy.contracts.record import Record
from proxy.contracts.settings import RouteSettings
from proxy.payload.decode import decode
from proxy.payload.redaction.body import redacted
from proxy.payload.redaction.digest import Digest
from proxy.payload.redaction.document import Uncertain
from proxy.payload.redaction.places import (
    redacted_fields,
    redacted_id,
    redacted_label,
    redacted_path,
    redacted_segments,
)
from proxy.payload.redaction.rules import RedactionRule, Side, rules_of

OF_TEXT = frozenset(("text", "finish", "tools"))
"""What examples call the parts of a text that answers."""


class RedactedLeg(Struct, frozen=True):
    """A leg as it may be written."""

    record: Record
    found: tuple[str, ...] = ()
    """Pointers of the rules that found something."""
    withheld: dict[str, str] = field(default_factory=dict)
    """Bodies that are held back, `request` or `response`: why (`payload.redaction.body.REASONS`)."""


class Redaction:
    """The rules of all routes. `used`: whether there are any."""

    __slots__ = ("_common", "_digest", "_rules", "_sections", "used")

    def __init__(self, redact: Mapping[str, str], key: bytes, routes: Iterable[RouteSettings]) -> None:
        self._digest = Digest(key)
        self._sections = {section.name: section for section in routes}
        self._rules = {name: rules_of(redact, each.analysis.redact) for name, each in self._sections.items()}
        self._common = rules_of(redact)
        self.used = bool(redact) or any(self._rules.values())

    def described(self) -> dict[str, str]:
        """What is done at which pointer, by route where it is of one, for the head of a file."""
        common: dict[str, str] = {rule.pointer: rule.action for rule in self._common}
        own: dict[str, str] = {
            f"{name} {rule.pointer}": rule.action for name, rules in self._rules.items() for rule in rules if rule.shown
        }
        return common | own

    def fingerprint(self) -> str:
        """What tells the key from others; "" where nothing is hashed."""
        return self._digest.fingerprint() if self.used else ""

    def of(self, record: Record) -> RedactedLeg:
        """A leg, redacted."""
        if not self.used:
            return RedactedLeg(record)
        rules = self._rules.get(record.route)
        if rules is None:
            gone: dict[str, Any] = {"request": None, "response": None, "beginning": b"", "ending": b"", "detail": ""}
            path, _ = redacted_segments(record.path.partition("?")[0], _of_side(self._common, "path"), self._digest)
            gone |= {"path": path, "key": self._digest.number(record.key)}
            gone["request_id"] = self.request_id(record.request_id)
            held = {side: "no_rules" for side in ("request", "response") if getattr(record, side) is not None}
            return RedactedLeg(replace(record, **gone), (), held)
        if not rules:
            return RedactedLeg(record)
        return self._of(record, rules)

    def request_id(self, request_id: str) -> str:
        """The id of a request, as it is written with its legs and its label."""
        return redacted_id(request_id, _of_side(self._common, "request_id"), self._digest)[0]

    def label(self, label: Any) -> Any:
        """A label as it may be written; None: nothing of it."""
        return redacted_label(label, _of_side(self._common, "label"), self._digest)

    def _of(self, record: Record, rules: tuple[RedactionRule, ...]) -> RedactedLeg:
        asked, answer = _of_side(rules, "request"), _of_side(rules, "answer")
        values: dict[str, Any] = {"key": self._digest.number(record.key)}
        path, found = redacted_path(record.path, _of_side(rules, "query"), self._digest)
        values["path"], more = redacted_segments(path, _of_side(rules, "path"), self._digest)
        found += more
        values["request_id"], more = redacted_id(record.request_id, _of_side(rules, "request_id"), self._digest)
        found += more
        held: dict[str, str] = {}
        if asked or answer:
            values["detail"] = ""
        if answer:
            values |= {"beginning": b"", "ending": b""}
            if record.beginning or record.ending:
                held["response"] = "cut"
        for body, fields, own in (("request", "request_fields", asked), ("response", "response_fields", answer)):
            data, lines = getattr(record, body), getattr(record, fields)
            if body == "response" and data and record.status >= 400 and asked:
                values[body], held[body] = None, "error"
            elif data is not None and own:
                try:
                    kept = redacted(data, lines, own, self._digest)
                except Uncertain as uncertain:
                    values[body], held[body] = None, str(uncertain)
                else:
                    values[body], lines, found = kept.data, kept.fields, found + kept.found
            values[fields], more = redacted_fields(lines, _of_side(rules, "header"), self._digest)
            found += more
        leg = self._checked(replace(record, **values), rules, held, found)
        return RedactedLeg(leg, tuple(dict.fromkeys(found)), held)

    def _checked(
        self, leg: Record, rules: tuple[RedactionRule, ...], held: dict[str, str], found: tuple[str, ...]
    ) -> Record:
        """Holds back a body of which is read what examples may not show; or of which nothing is read, so that nobody
        knows what examples would call its parts, and in which nothing was found."""
        shown = [rule for rule in rules if rule.shown]
        if not shown or (leg.request is None and leg.response is None):
            return leg
        section = self._sections[leg.route]
        seen = decode(leg, section.protocol, (0, ""), section.analysis)
        unread = {"request": bool(seen.unreadable_request), "response": not seen.analysed or bool(seen.content)}
        for body, side, tensors in (("request", "request", seen.inputs), ("response", "answer", seen.outputs)):
            named = [rule for rule in shown if rule.side == side]
            text = body == "response" and seen.text is not None and any(OF_TEXT & rule.names for rule in named)
            lost = unread[body] and any(rule.pointer not in found for rule in named)
            if getattr(leg, body) and (text or lost or any(_reads(rule, tensors) for rule in named)):
                leg, held[body] = replace(leg, **{body: None}), "unlocated"
        return leg


def _of_side(rules: Sequence[RedactionRule], side: Side) -> list[RedactionRule]:
    return [rule for rule in rules if rule.side == side]


def _reads(rule: RedactionRule, tensors: tuple[Tensor, ...]) -> bool:
    return any(rule.matches(name) for tensor in tensors for name in (tensor.name, *tensor.columns))
