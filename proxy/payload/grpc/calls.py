"""The bodies of calls of the Open Inference Protocol by gRPC: one message, or a stream of them, each way."""

from __future__ import annotations

from proxy.contracts.observation import Tensor
from proxy.payload.grpc.frames import messages_of, only_message
from proxy.payload.grpc.inference import is_streamed, read_inputs, read_outputs
from proxy.payload.grpc.stream import CallReader, inputs_of
from proxy.payload.reading import Body, Content, Unreadable


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
    only = only_message(body.data)
    if only is not None and not is_streamed(only):
        return Content(read_outputs(only, body))
    return CallReader.whole(body).content()
