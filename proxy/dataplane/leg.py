"""One attempt of an exchange at an upstream: passes the answer back to the client (`dataplane.sending` writes the
request).

1. Nothing that the version does wrong becomes a clean-looking answer: a failed leg is answered by another leg (retry,
   rescue), by a problem, or, once the client has seen a part, by an aborted connection.
2. While a rescue is possible a small answer is kept back until it is whole, and others until the first byte of their
   body, where the route says so.
3. Whoever is slow holds back whoever is fast, and nobody else: the client its answer, the model server its request.
"""

from __future__ import annotations

from math import inf
from typing import Final

from proxy.contracts.compiler import mypyc_attr
from proxy.contracts.grpc_status import HTTP_STATUS, LABELS, UNAVAILABLE
from proxy.contracts.message import ResponseHead
from proxy.contracts.outcome import is_of_client, outcome_of
from proxy.dataplane.live import Target
from proxy.dataplane.memory import COUNTED, RESCUES
from proxy.dataplane.request import Request
from proxy.dataplane.resend import REFUSALS
from proxy.dataplane.sending import IN_LINE, SendingLeg
from proxy.dataplane.shared import Shared
from proxy.dataplane.states import CLOSED, END, ENDED
from proxy.dataplane.unexpected import UNEXPECTED, unexpected

MAX_HELD_ANSWER: Final = 64 * 1024
"""Bytes of an answer that is kept back until it is whole while a rescue is possible. Servers write head and body apart;
a canary that dies between the two would otherwise leave the client with half an answer. Larger ones are streamed."""

LOOKS: Final = 20
"""Looks at a client that does not read, in the time that it may take: how late it may be let go."""

OWN_FIELDS: Final = 512
"""Bytes of an answer's head that are ours, at most: status, length, request id, version."""

HEAD_TOO_LARGE: Final = "its client takes no head of this size"
TRAILERS_TOO_LARGE: Final = "its client takes no trailers of this size"

UNREACHED: Final = frozenset(("connect_timeout", "late", "tls_failed"))
"""Reasons with which the wait for a connection ends that nobody has answered. A stall of the worker is none. (Where TLS
has failed otherwise, somebody has answered, as the pool knows.)"""


@mypyc_attr(free_list_len=1)  # the memory of one is kept for the next
class Leg(SendingLeg):
    """An attempt whose answer goes to the client.

    - `held`: the answer is kept back

    Deadlines follow the last byte, whose time is there anyway (`read_at` of the leg and of the request): once one is
    over, the true one is computed, so that bytes cost nothing.
    """

    __slots__ = ("held",)

    def __init__(self, shared: Shared, request: Request, target: Target, now: float) -> None:
        super().__init__(shared, request, target, now)
        self.held = False

    def replaceable(self) -> bool:
        return self.request.can_rescue(self.target)

    def patience(self) -> float:
        """What is left of the client's time, and of the route's for the whole exchange: less what went before."""
        request = self.request
        total = request.route.total
        if request.until == inf or total is None:
            return request.until - self.begun
        return min(request.until, request.started + total) - self.begun

    def missed_clients_deadline(self) -> bool:
        request = self.request
        return is_of_client(self.call, request.head.timeout, request.route.rescue.response_timeout)

    def is_stream(self) -> bool:
        head, request = self.head, self.request
        if head is not None:
            return self.streamed or head.tunnel
        return request.head.streamed and not request.complete

    # the answer

    def response_head(self, head: ResponseHead) -> None:
        now, request = self.read_at, self.request
        self.headed(head)
        status = head.status
        if self.call >= 0:
            status = HTTP_STATUS[UNAVAILABLE] if self.call == UNAVAILABLE else 0
        if status >= request.route.least_rescued and status in request.route.rescued_status:
            if request.can_rescue(self.target):
                self.replace(head, LABELS[self.call] if self.call >= 0 else str(status), now)
                return
            request.not_rescued(self.target)
        if not self.client.takes_fields(head.fields, OWN_FIELDS):
            self.response_failed("fields_too_large", HEAD_TOO_LARGE)
            return
        self.deadline = now + request.route.idle
        self.pass_head(head)

    def replace(self, head: ResponseHead, why: str, now: float) -> None:
        """The primary answers in place of this answer."""
        self.answer = None
        self.close_answered(head.status, self.first_byte, now)
        self.record(self.first_byte, False)
        self.drop()
        self.request.rescue(self.target, why, now)

    def pass_head(self, head: ResponseHead) -> None:
        """Queues the answer's head for the client."""
        self.request.answer_head(self.target, head)

    def response_body(self, data: bytes) -> None:
        if self.state != CLOSED:
            self.client.data(data)
            self.keep(data)

    def response_trailers(self, fields: bytes) -> None:
        if self.state == CLOSED:
            return
        if self.client.takes_fields(fields, 0):
            self.client.trailers(fields)
        else:
            self.response_failed("fields_too_large", TRAILERS_TOO_LARGE)

    def response_end(self) -> None:
        if self.state != CLOSED:
            self.client.end()
            self.step(END)

    def response_flush(self) -> None:
        ended = self.state == ENDED
        if self.state == CLOSED or (not ended and self._hold()):
            return
        self.note_piece()
        self.request.flush_answer()
        if ended:
            self._finish()
        elif self.client.congested():
            self.pause_answer()

    def _hold(self) -> bool:
        """True while an answer is kept back, so that a canary that dies in the middle of it can be rescued: a small one
        until it is whole, others until their first byte, which may be that of their body. Either has to come in the
        time that is given for the first byte."""
        head = self.head
        if head is None:
            return False
        large = head.length is None or head.length > MAX_HELD_ANSWER
        if large and (self.answer_size or head.tunnel or not self.request.route.by_body):
            return self._let_go()
        if not self.sent_at or not self.request.can_rescue(self.target) or not self._has_room():
            return self._let_go()
        self.held = True
        self.deadline = self.sent_at + self.target.response_timeout
        return True

    def _let_go(self) -> bool:
        """Ends the keeping back, if there was any: from now on the answer streams."""
        if self.held:
            self.held = False
            self.deadline = self.read_at + self.request.route.idle
        return False

    def _has_room(self) -> bool:
        # Not taken: what is held back is small, and most of it is counted as kept for the record.
        return self.answer_size <= COUNTED or self.shared.memory.fits(RESCUES, self.answer_size)

    def pause_answer(self) -> None:
        """The client reads slowly: from now on it is looked at whether it reads at all."""
        if self.stream is None:
            return
        self.stream.pause()
        if self.head is not None and not self.held:
            self.deadline = min(self.deadline, self.read_at)

    def resume_answer(self) -> None:
        """The client reads again."""
        if self.stream is not None:
            self.moved = self.shared.clock()
            self.stream.resume()

    def response_failed(self, reason: str, detail: str) -> None:
        if self.state == CLOSED:
            return
        request, now = self.request, self.shared.clock()
        self.note_malformed(reason, detail, now)
        if self.has_shown_its_end():
            self._end_unframed(now)
            return
        rescued = request.can_rescue(self.target)
        again, why = self.decided(reason, now)
        if again and request.pieces is None:
            again, why = False, request.not_kept()
        if again and not (rescued and why != "stale"):
            self.start_again(why, now)
            self.flush_request()
            return
        if not rescued:
            request.not_rescued(self.target)
        self.close_failed(reason, not rescued, now)
        if rescued and self.stream is None and self.failure in UNREACHED:
            self.target.pool.silent(self.waited, now)
        self.drop()
        if rescued:
            request.rescue(self.target, reason, now)
            return
        if why:
            self.shared.tally.not_retried(request.route_name, self.target.version, why)
            detail = f"{detail}; not sent again: {REFUSALS[why]}"
        request.fail(reason, detail)

    def _finish(self) -> None:
        head, request = self.head, self.request
        assert head is not None
        now = self.shared.clock()
        total = self.first_byte if head.tunnel else now - self.started  # a tunnel's life is not an answer's time
        self._count(head, total, now)
        self.shared.tally.overhead(request.route_name, self._asking() + now - self.read_at)
        if not request.complete and self.stream is not None:
            self.uploaded()
            self.stream.reset()
        self.unwatch()
        request.answered(now)

    def _count(self, head: ResponseHead, total: float, now: float) -> None:
        self.fields = head.fields
        self.close_answered(head.status, total, now)
        self.record(total, True)

    def _end_unframed(self, now: float) -> None:
        """The answer has shown its end, and its framing will not: it ended with its last piece."""
        assert self.head is not None
        self.client.end()
        self.request.flush_answer()
        self._count(self.head, self.piece_at - self.started, now)
        self.drop()
        self.request.answered(now)

    def _asking(self) -> float:
        # The proxy's own time on the request: not that of a connect, nor of a client that sends its body bit by bit.
        read_at = self.request.read_at
        return max(0.0, self.sent_at - (read_at if read_at > self.started else self.started + self.waited))

    # time

    def expire(self, now: float) -> None:
        """Ends what has made no progress by its deadline, counted from the last byte."""
        if self.deadline >= now:
            return
        request = self.request
        if self.upload == IN_LINE:
            self.response_failed("pool_full", "half of the connections are taken by requests that are still coming")
            return
        streaming = self.head is not None and not self.held
        uploading = not request.complete and not self.stalled and self.stream is not None
        if not (streaming or uploading):
            late = request.can_rescue(self.target)
            self.response_failed("late" if late else "response_timeout", "no answer in time")
            return
        idle, unread = request.route.idle, streaming and self.client.congested()
        if unread and self.client.takes():
            self.moved = now
        due = max(self.moved, request.read_at, self.read_at if streaming else 0.0) + idle
        if due >= now:
            self.deadline = min(due, now + idle / LOOKS) if unread else due
        elif not streaming:
            request.body_timeout()
        elif unread:
            self._unread()
        else:
            self.response_failed("idle_timeout", "the answer stopped in the middle")

    def postpone(self, seconds: float) -> None:
        super().postpone(seconds)
        if self.sent_at:
            self.sent_at += seconds
        self.moved += seconds

    def overdue(self, detail: str, now: float) -> None:
        """The whole exchange has taken too long: charged to the version once it had the whole request."""
        if not self.request.complete:
            self.request.body_timeout()
        elif self.client.congested():
            self._unread()
        elif self.has_shown_its_end():
            self._end_unframed(now)
        elif self.state != CLOSED:
            self.request.not_rescued(self.target)
            self.close_failed("total_timeout", True, now)
            self.drop()
            self.request.fail("total_timeout", detail)

    def _unread(self) -> None:
        # The client does not take what is there for it: as if it had gone.
        self.cancel("client_abort")
        self.request.fail("client_abort", "the client does not read its answer")

    def cancel(self, reason: str) -> bool:
        """The client has gone, or the proxy gives the exchange up: not the version's fault. True where the client has
        gone with the end of its stream, or at an error in it: that is an answer."""
        if self.state == CLOSED:
            return False
        now, head = self.shared.clock(), self.head
        left = reason == "client_abort" and not self.client.congested()
        whole = left and (self.has_shown_its_end() or self.has_shown_an_error())
        if whole and head is not None:
            self._count(head, self.piece_at - self.started, now)
        else:
            unsent = outcome_of(reason) == "abandoned" and not (self.request.complete or self.stalled)
            self.close_failed("upload_abort" if unsent else reason, False, now)
        self.drop()
        return whole

    def give_up(self, reason: str) -> None:
        self.cancel(reason)

    def fault(self) -> None:
        """An unexpected exception has ended it. As with every other failure, the primary may answer in its place."""
        if self.state != CLOSED:
            try:
                self.response_failed("internal", UNEXPECTED)
            except Exception as error:
                unexpected(error)
            else:
                return
        self.request.fault()

    def upload_fault(self) -> None:
        self.fault()
