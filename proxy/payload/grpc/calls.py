"""The bodies of calls of the Open Inference Protocol by gRPC: one message, or a stream of them, each way."""

from __future__ import annotations

from typing import Final

from proxy.contracts.observation import Tensor
from proxy.contracts.table import OIP_SERVICE
from proxy.payload.grpc.frames import messages_of, only_message
from proxy.payload.grpc.inference import is_streamed, read_inputs, read_outputs
from proxy.payload.grpc.stream import CallReader, inputs_of
from proxy.payload.reading import Body, Content, Unreadable

UNARY: Final = f"/{OIP_SERVICE}/ModelInfer"


def read_request(body: Body) -> tuple[Tensor, ...]:
    """The input tensors of a call; of a stream those of all its messages. Raises Unreadable."""
    only = only_message(body.data)
    if only is not None:
        return read_inputs(only, body)
    requests = [read_inputs(message, body) for message, _ in messages_of(body.data, body.fields)]
    if not requests:
        raise Unreadable("empty_body")
    return inputs_of(requests)


def read_response(body: Body) -> Content:
    """The output tensors of a call, or what a stream said. Raises Unreadable."""
    if body.unary:
        return Content(read_outputs(_single(body), body))
    only = only_message(body.data)
    if only is not None and not is_streamed(only):
        return Content(read_outputs(only, body))
    return CallReader.whole(body).content()


def is_unary(path: str) -> bool:
    """Whether the calls of a path have one message each way; False where that is not known."""
    return path == UNARY


def _single(body: Body) -> bytes:
    """The message of a unary call. Raises Unreadable: `empty_body` for none; `binary` for several, which no client
    takes."""
    messages = [message for message, _ in messages_of(body.data, body.fields)]
    if not messages:
        raise Unreadable("empty_body")
    if len(messages) > 1:
        raise Unreadable("binary")
    return messages[0]
