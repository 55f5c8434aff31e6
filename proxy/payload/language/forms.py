"""Requests as forms (RFC 7578), as those with a sound or a picture in them are sent: fields by name, files by size."""

from __future__ import annotations

import re
from math import nan
from typing import Any, NamedTuple

from proxy.contracts.observation import Tensor
from proxy.payload.language.prompts import REQUEST
from proxy.payload.reading import Body, Unreadable, field

FORM = (*REQUEST, "file_bytes")
"""The features of such a request: a prompt is one message, all files together have this size."""

MAX_PARTS = 64
"""Parts of one form: the longest of OpenAI's API have twenty."""
MAX_VALUE = 64 * 1024
"""Bytes of a field that is no file."""

_BOUNDARY = re.compile(rb'boundary=(?:"([^"]{1,256})"|([^;\s]{1,256}))')
_NAME = re.compile(rb';\s*name=(?:"([^"]*)"|([^;\s]*))', re.IGNORECASE)


def is_form(body: Body) -> bool:
    """Whether a request is a form."""
    return field(body.fields, b"content-type").startswith(b"multipart/form-data")


class Form(NamedTuple):
    """What a form holds."""

    fields: dict[str, str]
    files: list[tuple[str, bytes]]
    """The names of the fields that files stand in, and the files."""


def form_of(body: Body) -> Form:
    """The fields and files of a form. Raises Unreadable."""
    # Header lines come in lower case; a boundary is what it is in the body itself.
    first = body.data[:512].lstrip(b"\r\n").split(b"\r\n", 1)[0].rstrip(b" \t")
    found = _BOUNDARY.search(body.fields)
    if found is None or first.lower() != b"--" + (found[1] or found[2]):
        raise Unreadable("schema")
    _, *parts = (b"\r\n" + body.data.lstrip(b"\r\n")).split(b"\r\n" + first, MAX_PARTS)
    form = Form({}, [])
    for part in parts:
        head, blank, value = part.partition(b"\r\n\r\n")
        if not blank:
            continue
        found = _NAME.search(head)
        name = (found[1] or found[2] or b"").decode("utf-8", "replace") if found else ""
        if b"filename" in head.lower() or len(value) > MAX_VALUE:
            form.files.append((name, value))
        elif found is not None:
            form.fields[name] = value.decode("utf-8", "replace")
    return form


def features_of_form(form: Form) -> Tensor:
    """The features of a form."""
    prompt, size = form.fields.get("prompt", ""), sum(len(data) for _, data in form.files)
    values: list[Any] = [len(prompt), 1, nan, _number(form.fields.get("temperature", "")), size]
    return Tensor("", 1, len(FORM), "number", values, FORM)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan
