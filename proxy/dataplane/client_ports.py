"""The client's side of the seam: what an exchange and a worker need of whoever speaks a protocol on a client's socket.

The rules of `ports` hold here too.
"""

from __future__ import annotations

from proxy.contracts.compiler import trait
from proxy.contracts.failure import Failure
from proxy.contracts.message import ResponseHead
from proxy.dataplane.introduction import Manner
from proxy.dataplane.ports import Narrow, Unsent


@trait
class ClientStream:
    """The client's end, as an exchange needs it: one request in, one answer out."""

    def ask_for_body(self) -> None:
        """Tells a client that waits for that to send its body (RFC 9110 §10.1.1: 100 Continue)."""
        raise NotImplementedError

    def head(self, head: ResponseHead, version: bytes, extra: bytes) -> None:
        """Queues an answer's head; `version` and `extra` are blocks of more fields, `version` the same for many."""
        raise NotImplementedError

    def takes_fields(self, block: bytes, own: int) -> bool:
        """Whether the client takes the fields of an answer's head, with `own` bytes of ours, or of its trailers."""
        return True

    def data(self, data: bytes) -> None:
        """Queues a piece of the answer's body."""
        raise NotImplementedError

    def trailers(self, fields: bytes) -> None:
        """Queues the block of fields after the body, where protocol and client can take them."""
        raise NotImplementedError

    def end(self) -> None:
        """Queues the answer's end."""
        raise NotImplementedError

    def flush(self) -> bool:
        """Writes what is queued, in one piece. True when something was."""
        raise NotImplementedError

    def discard(self) -> None:
        """Throws away what is queued: another leg will answer."""
        raise NotImplementedError

    def problem(self, failure: Failure, detail: str, extra: bytes) -> None:
        """Writes the proxy's own whole answer; `extra` is a block of more fields."""
        raise NotImplementedError

    def done(self, now: float) -> None:
        """The answer is complete and written: the exchange is over."""
        raise NotImplementedError

    def reset(self) -> None:
        """Ends the stream so that the client cannot take what it has for a whole answer."""
        raise NotImplementedError

    def cut(self, failure: Failure, detail: str) -> None:
        """Ends an answer that has begun as `reset`, and says why where the protocol has a place for that."""
        self.reset()

    def pause(self, reason: str) -> None:
        """Reads no more of the request until `resume` was called for every reason."""
        raise NotImplementedError

    def resume(self, reason: str) -> None:
        """The opposite of `pause`."""
        raise NotImplementedError

    def feeding(self) -> bool:
        """True while the events of one read are being handed over: a flush will follow."""
        raise NotImplementedError

    def congested(self) -> bool:
        """True while the client takes less than is written for it."""
        raise NotImplementedError

    def takes(self) -> bool:
        """True when the client has taken some of what was written since the last call."""
        raise NotImplementedError


@trait
class ClientConnection(Unsent, Narrow):
    """A client's connection, as a worker needs it."""

    def sweep(self, now: float) -> None:
        """Ends what takes too long."""
        raise NotImplementedError

    def refuse(self, reason: str, detail: str, now: float) -> None:
        """Answers before any request was read, and ends. `reason`: a key of `FAILURES`."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the connection without an answer."""
        raise NotImplementedError

    def introduce(self, manner: Manner) -> None:
        """From now on versions are told about the client of each request in another manner."""
        raise NotImplementedError

    def was_admitted(self) -> bool:
        """True where the worker has spoken with the client before: the handshake of TLS was the connection's first."""
        raise NotImplementedError
