"""The seam of the data plane: what a leg and a pool need of whoever speaks a protocol on a socket to a model server.
What an exchange needs of the one that speaks it to a client is in `client_ports`.

1. Heads are neutral (`contracts.message`); framing stays behind the seam. `h1` speaks HTTP/1.1 there; tests put fakes.
2. An exchange has a `ClientStream`; an attempt has a `ServerStream`, which a `Connection` of a pool opened. A
   connection may carry many streams; in HTTP/1.1 the limit is one.
3. What is written is queued until `flush`: the pieces of one read leave in one write.
4. Streams call the methods of `StreamUser` and of `Exchange`; `now` is when the bytes were read.

`trait` classes have methods only, so that one object can stand for several ports. Measured, compiled: a call through a
trait costs 1.8 ns, through a base class 1.3 ns, through a `typing.Protocol` 17 ns.
"""

from __future__ import annotations

from math import inf

from proxy.contracts.compiler import trait
from proxy.contracts.message import RequestHead, ResponseHead
from proxy.contracts.table import Table, Version
from proxy.dataplane.endpoints import ServerEndpoint
from proxy.dataplane.members import Member
from proxy.dataplane.tally import Arm


class Timed:
    """An object with deadlines. The worker sweeps deadlines coarsely, so that a request costs no timer."""

    __slots__ = ()

    def expire(self, now: float) -> None:
        """Ends work whose deadline has passed."""
        raise NotImplementedError

    def postpone(self, seconds: float) -> None:
        """Moves all deadlines on: the loop stood still for so long."""
        raise NotImplementedError

    def note_age(self, ages: dict[tuple[str, str, str], float], now: float) -> None:
        """Adds the age of its leg, if that asks a model, to the greatest by (route, version, role)."""

    def asked(self) -> Arm | None:
        """Where the leg counts whose answer the client gets, None: there is none yet."""
        return None

    def is_stream(self) -> bool:
        """Whether that leg is a stream: one of its sides is of unknown length, and has not ended."""
        return False

    def give_up(self, reason: str) -> None:
        """Ends it. `reason`: a key of `FAILURES`."""
        raise NotImplementedError

    def fault(self) -> None:
        """Ends it after an unexpected exception in its work, wherever that has left it. Raises nothing."""
        raise NotImplementedError


class StreamUser(Timed):
    """User of a stream: asks a pool for a stream, sends one request on it and hears the answer.

    - `connect_timeout`: seconds that a new connection for it may take
    - `read_at`: when the bytes that are being handed over were read (monotonic seconds)

    Order: `connected`, then `response_head`, `response_body` for each piece, `response_trailers` at most once,
    `response_end`; after each read `response_flush`. `connect_failed` and `response_failed` end it.
    """

    __slots__ = ("connect_timeout", "read_at")

    def __init__(self, connect_timeout: float) -> None:
        self.connect_timeout = connect_timeout
        self.read_at = 0.0

    def patience(self) -> float:
        """Seconds from the moment at which it got its stream that a call has left, inf: nobody has said."""
        return inf

    def unrepeatable(self) -> bool:
        """Whether its request is too large to be sent again, so that it needs a connection that is surely open."""
        return False

    def replaceable(self) -> bool:
        """Whether another version answers where it gets no stream, so that it need not wait for one."""
        return False

    def connected(self, stream: ServerStream, fresh: bool, now: float) -> None:
        """Hands over the stream. `fresh`: its connection was made for this user."""
        raise NotImplementedError

    def connect_failed(self, reason: str, detail: str, now: float) -> None:
        """Reports that no stream will come. `reason`: a key of `FAILURES`."""
        raise NotImplementedError

    def response_head(self, head: ResponseHead) -> None:
        """The answer's head."""
        raise NotImplementedError

    def response_body(self, data: bytes) -> None:
        """A piece of the answer's body, or of a tunnel's bytes."""
        raise NotImplementedError

    def response_trailers(self, fields: bytes) -> None:
        """The block of fields after the body."""

    def graded(self, code: int, message: bytes) -> None:
        """The call of gRPC that the answer is of ends with `code`, and `message`, of which its server says why. Comes
        before the head where that is all of it, else before the end."""

    def response_end(self) -> None:
        """The answer is complete."""
        raise NotImplementedError

    def response_flush(self) -> None:
        """Ends the events of one read."""
        raise NotImplementedError

    def response_failed(self, reason: str, detail: str) -> None:
        """Reports that no (more of the) answer will come. `reason`: a key of `FAILURES`."""
        raise NotImplementedError

    def pause_request(self) -> None:
        """The server reads slowly."""

    def resume_request(self) -> None:
        """The server reads again."""


@trait
class Narrow:
    """A socket whose buffers can be made smaller."""

    def narrow(self) -> None:
        """Asks the kernel for a small buffer: there are many such sockets, and each read may be as large."""
        raise NotImplementedError


@trait
class Uploader:
    """A leg whose request is not complete, as `uploads` needs it."""

    def upload_admitted(self, now: float) -> None:
        """It may ask for a connection now."""
        raise NotImplementedError

    def upload_fault(self) -> None:
        """Ends it after an unexpected exception."""
        raise NotImplementedError


@trait
class Unsent:
    """A socket whose other side may take less than is written for it."""

    def unsent(self) -> int:
        """Bytes that were written and wait here."""
        raise NotImplementedError


@trait
class ServerStream(Unsent):
    """The model server's end, as an attempt needs it: one request out, one answer in."""

    def begin(self, user: StreamUser, head: RequestHead, authority: bytes, extra: bytes, length: int) -> None:
        """Queues a request's head; `user` hears the answer.

        - `authority`: who is asked; empty: as the version's URL says
        - `extra`: a block of more fields
        - `length`: the whole body of so many bytes is at hand; -1: as the head announces
        """
        raise NotImplementedError

    def data(self, data: bytes) -> None:
        """Queues a piece of the body (of a tunnel's bytes, once the server has agreed to one)."""
        raise NotImplementedError

    def trailers(self, fields: bytes) -> None:
        """Queues the block of fields after the body, where the protocol can carry them."""
        raise NotImplementedError

    def end(self) -> None:
        """Queues the request's end."""
        raise NotImplementedError

    def flush(self) -> None:
        """Writes what is queued, in one piece."""
        raise NotImplementedError

    def unanswered(self) -> bool:
        """True while nothing of an answer was received."""
        raise NotImplementedError

    def untouched(self, seconds: float) -> bool:
        """True while the server cannot have worked on the request, as far as is known: not one byte of an answer was
        received, and the request was not taken. `seconds`: since it was written."""
        raise NotImplementedError

    def refused(self) -> bool:
        """True where the server has said that it did nothing of the request."""
        return False

    def pause(self) -> None:
        """The client reads slowly: this answer waits, and only this one."""
        raise NotImplementedError

    def resume(self) -> None:
        """The client reads again."""
        raise NotImplementedError

    def reset(self) -> None:
        """The attempt is given up: its user hears no more, and whatever comes belongs to nobody."""
        raise NotImplementedError

    def give_back(self, now: float) -> None:
        """Gives a stream back on which nothing was begun."""
        raise NotImplementedError

    def judged(self, succeeded: bool, now: float) -> None:
        """What it has carried speaks for or against the endpoint that it leads to."""
        raise NotImplementedError


@trait
class Connection(Narrow):
    """A connection to a model server, as a pool needs it."""

    def endpoint(self) -> ServerEndpoint:
        """Where it leads."""
        raise NotImplementedError

    def member(self) -> Member:
        """Whom its streams count for."""
        raise NotImplementedError

    def join(self, member: Member) -> None:
        """From now on its streams count for `member`."""
        raise NotImplementedError

    def open_stream(self) -> ServerStream:
        """A stream for one request. Only while `is_available`."""
        raise NotImplementedError

    def is_available(self) -> bool:
        """True while one more stream can be opened."""
        raise NotImplementedError

    def is_idle(self) -> bool:
        """True while no stream is open."""
        raise NotImplementedError

    def is_crowded(self) -> bool:
        """True while so many streams are open that another connection should be at hand."""
        return False

    def is_lively(self, now: float) -> bool:
        """True where something was heard of the server so lately that it cannot have ended the connection unseen."""
        return False

    def look(self, patience: float, now: float) -> None:
        """Finds out whether the server is still there, once nothing was heard of it for `patience` seconds."""

    def has_expired(self, now: float) -> bool:
        """True once it is idle and should go: the server may be about to close it, it is too old, its name leads
        elsewhere, or other certificates are in force."""
        raise NotImplementedError

    def retire(self, at: float, idle: float, now: float) -> None:
        """From `at` on it takes no further request, and none once it has been idle for `idle` seconds: from now on, as
        it may have been made before anybody wants it."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends the connection; with streams open, once they have ended."""
        raise NotImplementedError


@trait
class ConnectionOwner:
    """The pool of a connection, as the connection needs it."""

    def available(self, connection: Connection, now: float) -> None:
        """A connection that could open no stream can open one again."""
        raise NotImplementedError

    def lost(self, connection: Connection, now: float) -> None:
        """A connection has closed."""
        raise NotImplementedError

    def spare(self) -> bool:
        """Whether one more socket may be open for a connection that is being made; if so, `spared` ends that."""
        raise NotImplementedError

    def spared(self) -> None:
        """The opposite of `spare`."""
        raise NotImplementedError

    def member_failed(self, member: Member, now: float) -> None:
        """A request that `member` had has failed."""
        raise NotImplementedError

    def broken(self, connection: Connection, rule: str, now: float) -> None:
        """A connection that carried no request ends because its server has broken `rule`."""


class Dialer:
    """Makes connections."""

    def streams(self, version: Version) -> int:
        """How many streams a new connection will carry at least."""
        return 1

    async def dial(self, version: Version, owner: ConnectionOwner, wanted: ServerEndpoint | None) -> Connection:
        """A new connection to where `version` is served, to `wanted` if that can be reached. Raises OSError when it
        cannot be had."""
        raise NotImplementedError

    def follow(self, table: Table) -> bool:
        """Heeds what `table` says of how connections are made. True: some have to end."""
        return False

    def endpoints(self, version: Version) -> list[ServerEndpoint]:
        """Where `version` is served, as far as is known."""
        return []

    def watch(self, version: Version, busy: bool, now: float) -> None:
        """Keeps what is known of the addresses of `version` fresh. `busy`: there are connections to it."""

    def broken(self, version: Version, rule: str, now: float) -> None:
        """Tells that a server of `version` has broken `rule` on a connection that carried no request."""

    def ejected(self, version: Version, endpoint: ServerEndpoint, reason: str) -> None:
        """Tells that `endpoint` gets no requests of `version` for a while."""
