"""Open Inference Protocol V2, generate extension: text in the place of tensors, whole or streamed.

Published with Triton Inference Server (`protocol/extension_generate.md`); MLServer streams whole answers
(`infer_stream`).
A stream has no last event, so its end is that of its connection, unless it stops in the middle of an event.
"""

from __future__ import annotations

from typing import Any

from proxy.contracts.identity import IDENTITY_FIELDS
from proxy.contracts.observation import Text
from proxy.payload.errors import is_error, is_told
from proxy.payload.language.arrivals import Arrivals
from proxy.payload.language.said import refuse_silence
from proxy.payload.oip_tensors import listed, tensor_of
from proxy.payload.reading import Body, Unreadable, fields_of
from proxy.payload.sse import DONE, chunk_of, events_of, is_cut

PROMISED = ("outputs", "text_output")
FRAME = frozenset(("model_name", "model_version", "id", "parameters"))
"""Fields beside the outputs of a model. An answer that has other ones names its outputs in its own words."""


def text_of(document: Any) -> str:
    """The text of an answer, or of an event of its stream. Raises Unreadable."""
    fields = fields_of(document)
    said = fields.get("text_output")
    if isinstance(said, str):
        return said
    if isinstance(said, list) and all(isinstance(part, str) for part in said):
        return "".join(said)
    if "outputs" in fields:
        tensors = [tensor_of(fields_of(each)) for each in listed(fields, "outputs")]
        return "".join(str(value) for tensor in tensors for value in tensor.data if value is not None)
    raise Unreadable("form" if "model_name" in fields and fields.keys() - FRAME else "schema")


def read_whole(document: Any) -> Text:
    """The text of a whole answer. Raises Unreadable."""
    text = text_of(document)
    refuse_silence(bool(text), "")
    return Text(text)


def read_stream(body: Body) -> Text:
    """The text of a stream, with its times. Raises Unreadable."""
    parts: list[str] = []
    arrivals = Arrivals()
    for number, event in enumerate(events_of(body)):
        if event.data == DONE:
            break
        chunk = fields_of(chunk_of(body, event))
        if is_error(chunk, PROMISED) or is_told(chunk):
            raise Unreadable("error_in_stream")
        body.identify(chunk, IDENTITY_FIELDS["oip"])
        parts.append(text_of(chunk))
        if parts[-1]:
            arrivals.said(number, [event.end])
    if is_cut(body.data):
        raise Unreadable("unfinished_stream")
    refuse_silence(any(parts), "")
    arrivals.came(body.chunks, body.ends)
    return Text("".join(parts), first_token=arrivals.first, gaps=tuple(arrivals.gaps))
