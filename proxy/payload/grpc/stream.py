"""The answer of a call by gRPC, read message by message as it comes.

1. A unary call (ModelInfer) has one message, and a stream (ModelStreamInfer) has many: of Triton each holds an error or
   an answer, of MLServer each is an answer.
2. An error in a message of a stream has failed the call, though that ends with status 0.
3. Of a stream the tensors of all messages are one answer (`grpc.joined`), and the messages that say something have
   times as tokens have. Of a single message there is nothing to tell but the leg's own first byte.
4. Cut anywhere, a stream reads the same; what is kept is what it said, and of a message under way its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from proxy.contracts.grpc_status import PREFIX
from proxy.contracts.observation import Tensor, Text
from proxy.payload.grpc.frames import whole_messages
from proxy.payload.grpc.inference import is_streamed, read_outputs, read_streamed
from proxy.payload.grpc.joined import JoinedTensors
from proxy.payload.language.arrivals import Arrivals
from proxy.payload.language.said import refuse_silence
from proxy.payload.language.stream import MAX_EVENT, MAX_EVENTS
from proxy.payload.reading import Body, Content, Unreadable


class CallReader:
    """A streamed answer: `feed` it each part, tell it the `end`, and ask for its `content`.

    - `body`: the fields of the answer, what is configured, and what was found out so far
    - `steps`: messages so far, some microseconds each
    """

    __slots__ = ("_arrivals", "_at", "_joined", "_only", "_rest", "_said", "_streamed", "body", "steps")

    def __init__(self, body: Body) -> None:
        self.body, self._arrivals, self._joined = body, Arrivals(), JoinedTensors()
        self._rest, self._at = b"", 0
        self._only: tuple[Tensor, ...] = ()
        self._streamed: bool | None = None
        self.steps = self._said = 0

    @classmethod
    def whole(cls, body: Body) -> Self:
        """The reader of an answer that is whole. Raises Unreadable."""
        reader = cls(body)
        reader.feed(body.data, body.chunks, body.ends)
        reader.end()
        return reader

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        only = 8 * sum([len(tensor.data) for tensor in self._only])
        return len(self._rest) + only + self._joined.size + self._arrivals.size

    def admit(self, data: bytes) -> None:
        """Reads whatever comes: a message costs what its bytes do."""

    def feed(self, data: bytes, chunks: Sequence[float] = (), ends: Sequence[int] = ()) -> None:
        """Takes in a part of the stream. `chunks`, `ends`: when its pieces came, in seconds, and the bytes of the
        stream that had come by then. Raises Unreadable."""
        data = self._rest + data if self._rest else data
        cut = 0
        for message, cut in whole_messages(data, self.body.fields):
            self._take(message, self._at + cut)
        self._rest = data[cut:]
        self._at += cut
        if len(self._rest) > MAX_EVENT + PREFIX:
            raise Unreadable("too_large")
        self._arrivals.came(chunks, ends)

    def end(self) -> None:
        """The answer has ended. Raises Unreadable: `binary` in the middle of a message, `empty_body` before one."""
        if self._rest:
            raise Unreadable("binary")
        if not self.steps:
            raise Unreadable("empty_body")

    def forget_times(self) -> None:
        """When the pieces came says nothing."""
        self._arrivals = Arrivals()

    def content(self) -> Content:
        """The tensors of the answer, or the text of a stream of strings; of several messages with their times. Raises
        Unreadable."""
        joined, only = self._joined, self._only
        if self._said <= 1 and not (self._streamed and any(tensor.kind == "category" for tensor in only)):
            return Content(only)
        joined.add(only)
        text = joined.text()
        if joined.spells:
            refuse_silence(bool(text), "")
        times = self._arrivals
        return Content(joined.numbers(), Text(text, first_token=times.first, gaps=tuple(times.gaps), pieces=self._said))

    def times(self) -> Text | None:
        """The times alone, of an answer that is not whole."""
        times = self._arrivals
        return None if times.first is None else Text("", first_token=times.first, gaps=tuple(times.gaps))

    def _take(self, message: bytes, end: int) -> None:
        self.steps += 1
        if self.steps > MAX_EVENTS:
            raise Unreadable("too_many_values")
        if self._streamed is None and message:
            self._streamed = is_streamed(message)
        tensors = read_streamed(message, self.body) if self._streamed else read_outputs(message, self.body)
        if not tensors:
            return  # as the last one of a decoupled model
        if not self._said:
            self._only = tensors
        else:
            self._join(tensors)
        self._arrivals.said(self._said, [end])
        self._said += 1

    def _join(self, tensors: tuple[Tensor, ...]) -> None:
        joined, first, self._only = self._joined, self._only, ()
        joined.add(first)
        joined.add(tensors)


def inputs_of(requests: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """The tensors of the requests of a stream: of several ones their numbers, and the strings of the first."""
    if len(requests) == 1:
        return requests[0]
    joined = JoinedTensors()
    for tensors in requests:
        joined.add(tuple([tensor for tensor in tensors if tensor.kind == "number"]))
    return joined.numbers() + tuple([tensor for tensor in requests[0] if tensor.kind == "category"])
