"""Refusals of the admin API: `application/problem+json` (RFC 9457), by one table.

`type` is a relative reference that stays the same for one kind of problem, `field` names what to correct.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from proxy.contracts.bounds import MAX_SENTENCE, clipped
from proxy.control.api.portions import text_of

TITLES = {
    "malformed": (400, "The request cannot be read"),
    "unauthorized": (401, "A token is needed"),
    "forbidden": (403, "This caller may not do this"),
    "unknown-route": (404, "No such route"),
    "unknown-release": (404, "No such release"),
    "not-found": (404, "Nothing is here"),
    "method-not-allowed": (405, "This method is not possible here"),
    "refused": (409, "Not possible now"),
    "differs": (409, "The configuration here is not the one that the fleet judges by"),
    "changed": (412, "The route has changed since it was read"),
    "too-large": (413, "The body is too large"),
    "media-type": (415, "The body must be JSON"),
    "invalid": (422, "A value is not possible"),
    "internal": (500, "Penumbra failed; this is a bug"),
    "no-judge": (503, "No judge of the fleet has answered"),
    "too-many": (503, "Too many are connected"),
    "not-read": (503, "The state file cannot be read at present"),
    "not-stored": (503, "The change could not be stored, and was not made"),
    "not-stored-yet": (503, "The change is in force, and could not be stored yet"),
}


class ApiError(Exception):
    """A refusal by its kind (a key of `TITLES`), with a sentence and, where there is one, the field to correct."""

    def __init__(self, kind: str, detail: str, field: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.field, self.headers = kind, detail, field, headers


def body_of(kind: str, detail: str, field: str | None = None) -> dict[str, Any]:
    """The members of a problem document."""
    status, title = TITLES[kind]
    document = {"type": f"/problems/{kind}", "title": title, "status": status, "detail": clipped(detail, MAX_SENTENCE)}
    return document | ({"field": clipped(field, MAX_SENTENCE)} if field else {})


def answer(kind: str, detail: str, field: str | None = None, headers: dict[str, str] | None = None) -> web.Response:
    """A problem document as a response."""
    return as_json(body_of(kind, detail, field), TITLES[kind][0], headers, "application/problem+json")


def as_json(
    value: Any, status: int = 200, headers: dict[str, str] | None = None, media: str = "application/json"
) -> web.Response:
    """A JSON answer. NaN cannot be in it; what is no text (a caller's header or path in another coding) is `?`."""
    return in_json(text_of(value), status, headers, media)


def in_json(
    text: str, status: int = 200, headers: dict[str, str] | None = None, media: str = "application/json"
) -> web.Response:
    """An answer with a document that is JSON already."""
    body = text.encode(errors="replace")
    return web.Response(status=status, body=body, content_type=media, charset="utf-8", headers=headers)
