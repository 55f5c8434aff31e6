"""Makes records of finished legs and puts them into the outbox; what is not put is counted by reason."""

from __future__ import annotations

from random import random
from typing import TYPE_CHECKING

from proxy.contracts.record import Record
from proxy.link.outbox import Outbox

if TYPE_CHECKING:
    from proxy.dataplane.exchange import Exchange
    from proxy.dataplane.tally import Arm

MAX_BODY = 256 * 1024
"""Bytes of one body that a record carries. Larger ones travel as None and count as unreadable in control."""

MAX_REQUEST_ID = 128
"""Characters of a request id that a record carries."""


class Recorder:
    """`epoch` is Unix time minus monotonic time, so that one clock read serves both."""

    __slots__ = ("_exchanges", "_outbox", "epoch", "sample")

    def __init__(self, outbox: Outbox, epoch: float) -> None:
        self._outbox, self.epoch = outbox, epoch
        self._exchanges = 0
        self.sample = 1.0

    def next_exchange(self) -> int:
        """The number of an exchange that will be recorded, or 0: not recorded (control asked for a sample)."""
        if self.sample < 1.0 and random() >= self.sample:
            self._outbox.drop("sampled")
            return 0
        self._exchanges += 1
        return self._exchanges

    def put(
        self,
        exchange: Exchange,
        arm: Arm,
        status: int,
        failure: str,
        times: tuple[float, float, float],
        answer: list[bytes] | None,
        fields: bytes,
        chunks: list[float],
        with_request: bool,
    ) -> None:
        """Records a leg of `exchange`. `times`: when it began (monotonic), seconds to the first byte, seconds in all.
        `answer` holds the pieces of its body, None when they were too large."""
        started, first_byte, total = times
        response = None if answer is None else b"".join(answer)
        request, request_fields, path, method, copies = None, b"", "", "", -1
        if with_request:
            head, copies = exchange.head, exchange.copies
            request_fields, path, method = head.fields, head.path.decode("latin-1"), head.method.decode("latin-1")
            if exchange.route.analysed and not failure and exchange.pieces is not None and exchange.size <= MAX_BODY:
                request = exchange.body()
        self._outbox.put(
            Record(
                exchange=exchange.number,
                route=arm.route,
                version=arm.version,
                role=arm.role,
                share=arm.share,
                started=started + self.epoch,
                total=total,
                status=status,
                failure=failure,
                first_byte=first_byte,
                request_id=exchange.request_id.decode("latin-1")[:MAX_REQUEST_ID],
                key=exchange.key,
                copies=copies,
                method=method,
                path=path,
                request_fields=request_fields,
                request=request,
                response_fields=fields,
                response=response,
                chunks=chunks,
            )
        )
