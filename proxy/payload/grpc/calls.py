"""The bodies of calls of the Open Inference Protocol by gRPC.

1. A unary call (ModelInfer) has one message each way, and gives its tensors.
2. Messages of a stream (ModelStreamInfer) are told by their fields: an error or an answer, and nothing else. Several
   are read as the text of all of them, with the times at which they came; a single one gives its tensors.
3. An error in a message of a stream has failed the call, though that ends with status 0.
"""

from __future__ import annotations

from proxy.contracts.observation import Tensor, Text
from proxy.payload.grpc.frames import messages_of, only_message
from proxy.payload.grpc.inference import is_streamed, read_inputs, read_outputs, read_streamed
from proxy.payload.language.arrivals import Arrivals
from proxy.payload.reading import Body, Content, Unreadable


def read_request(body: Body) -> tuple[Tensor, ...]:
    """The input tensors of a call; of a stream those of its first message. Raises Unreadable."""
    for message, _ in messages_of(body.data, body.fields):
        return read_inputs(message, body)
    raise Unreadable("empty_body")


def read_response(body: Body) -> Content:
    """The output tensors of a call, or the text of a stream. Raises Unreadable."""
    messages = list(messages_of(body.data, body.fields))
    if not messages:
        raise Unreadable("empty_body")
    if not is_streamed(messages[0][0]):
        return Content(read_outputs(only_message(body.data, body.fields), body))
    answers = [read_streamed(message, body) for message, _ in messages]
    if len(answers) == 1:
        return Content(answers[0])
    arrivals = Arrivals()
    for number, (_, end) in enumerate(messages):
        arrivals.said(number, [end])
    arrivals.came(body.chunks, body.ends)
    said = "".join(str(value) for tensors in answers for tensor in tensors for value in tensor.data)
    return Content((), Text(said, first_token=arrivals.first, gaps=tuple(arrivals.gaps)))
