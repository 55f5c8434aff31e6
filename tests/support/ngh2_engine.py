"""A connection over ngh2, and so over nghttp2, with the interface of `proxy.http2.engine`: a second implementation of
the same rules, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import ngh2

from proxy.http2.bounds import CONNECTION_WINDOW, HARD, UNKNOWN_STREAMS, WINDOW, Http2Bounds
from proxy.http2.codes import ENHANCE_YOUR_CALM, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, Http2Error, name_of
from proxy.http2.fields import FieldList
from proxy.http2.outbound import AT_ONCE, MOST

_MAX_STREAMS: Final = 3
_WINDOW_SIZE: Final = 4
_MAX_HEADER_LIST: Final = 6
_ENABLE_PUSH: Final = 2
"""Numbers of settings (RFC 9113 §6.5.2)."""

FEW: Final = 16
"""Pieces of bodies that are handed over as they came, of what was read together."""

_PREFIX: Final = "HTTP/2 engine error: "


class Ngh2Engine:
    """Base of a connection. `feed` it bytes, and send what `take` gives after each feed and each batch of calls.

    - `client`: we ask; else we answer
    - `open`: the numbers of the streams that are; `_owed`: bytes of each that were handed over, and not given back
    - `error`: the code with which the library has ended it; `ending`: one of the two has told that it will
    """

    __slots__ = (
        "_bounds",
        "_broken",
        "_cancelled",
        "_client",
        "_engine",
        "_forgiven",
        "_gathered",
        "_owed",
        "_pieces",
        "_told",
        "ending",
        "error",
        "open",
    )

    def __init__(self, client: bool, bounds: Http2Bounds) -> None:
        self._client, self._bounds = client, bounds
        self.open: set[int] = set()
        self._owed: dict[int, int] = {}
        self._cancelled: set[int] = set()  # by one of the two, knowingly
        self._gathered: dict[int, list[bytes]] = {}
        self._pieces = 0
        self._told = False  # the peer knows of us what was wrong
        self.error, self.ending = NO_ERROR, False
        self._broken, self._forgiven = 0.0, 0.0  # streams that broke a rule, less what time forgives
        self._engine: Any = ngh2.Connection(
            ngh2.Role.CLIENT if client else ngh2.Role.SERVER,
            ngh2.Configuration(
                auto_window_update=False,
                peer_max_concurrent_streams=UNKNOWN_STREAMS,
                max_inbound_header_list_size=bounds.head * HARD,
                max_inbound_header_count=bounds.fields * HARD,
                max_continuations=bounds.continuations,
                max_outbound_ack=bounds.acknowledgements,
                max_settings=bounds.settings,
                stream_reset_rate_limit=bounds.resets,
                glitch_rate_limit=bounds.glitches,
            ),
        )
        settings = {_WINDOW_SIZE: WINDOW, _MAX_HEADER_LIST: bounds.head}
        if client:
            settings[_ENABLE_PUSH] = 0
        else:
            settings[_MAX_STREAMS] = bounds.streams
        self._engine.initiate_connection(settings)
        self._engine.set_local_window_size(CONNECTION_WINDOW)

    # bytes

    def feed(self, data: bytes, now: float) -> None:
        """Reads `data` and calls the hooks. Raises Http2Error, after which nothing more is read."""
        burst, rate = self._bounds.own_resets
        self._broken, self._forgiven = max(self._broken - (now - self._forgiven) * rate, 0.0), now
        try:
            self._engine.receive_data(data)
        except ngh2.NGH2Error as error:
            self._hand_over()
            flood = isinstance(error, ngh2.DenialOfServiceError)
            raise Http2Error(ENHANCE_YOUR_CALM if flood else PROTOCOL_ERROR, said(error)) from error
        self._hand_over()
        if self.error:
            raise Http2Error(self.error, f"the connection ended: {name_of(self.error)}")
        if self._broken > burst:
            raise Http2Error(ENHANCE_YOUR_CALM, f"more than {burst} streams broke a rule")

    def take(self, most: int = MOST) -> bytes:
        """The bytes that are to be sent now, about `most` of them; b"": none. What windows do not allow yet stays
        queued."""
        try:
            data: bytes = self._engine.data_to_send(most)
        except ngh2.NGH2Error:
            self.ending = True
            data = b""  # it has ended, and has told so
        self._hand_over()  # streams that end with what was written
        return data

    def _hand_over(self) -> None:
        self._pieces = 0
        for event in self._engine.events():
            hook = _HOOKS.get(type(event))
            if hook is not None:
                hook(self, event)
        while self._gathered:
            self._hand_over_gathered(next(iter(self._gathered)))

    def _hand_over_gathered(self, stream: int) -> None:
        pieces = self._gathered.pop(stream, None)
        if pieces is not None:
            self._pass_on(stream, b"".join(pieces), False)

    def _pass_on(self, stream: int, data: bytes, ended: bool) -> None:
        if data:
            self._owed[stream] = self._owed.get(stream, 0) + len(data)
        self.stream_data(stream, data, ended)

    # calls

    def request(self, fields: FieldList, ended: bool) -> int:
        """Queues a request's head; returns the number of its stream. Only while `room`. Raises Http2Error where the
        connection takes none any more."""
        try:
            stream: int = self._engine.send_request(fields, end_stream=ended)
        except ngh2.NGH2Error as error:
            raise Http2Error(REFUSED_STREAM, said(error)) from error
        self.open.add(stream)
        return stream

    def respond(self, stream: int, fields: FieldList, ended: bool) -> None:
        """Queues an answer's head. Nothing happens where the stream has ended, likewise below."""
        try:
            self._engine.send_response(stream, fields, end_stream=ended)
        except ngh2.NGH2Error:
            return

    def interim(self, stream: int, fields: FieldList) -> None:
        """Queues an interim answer's head (1xx)."""
        try:
            self._engine.send_informational_response(stream, fields)
        except ngh2.NGH2Error:
            return

    def data(self, stream: int, data: bytes, ended: bool) -> None:
        """Queues a piece of a body."""
        try:
            self._engine.send_data(stream, data, end_stream=ended)
        except ngh2.NGH2Error:
            return

    def trailers(self, stream: int, fields: FieldList) -> None:
        """Queues the fields after the body, which end it."""
        try:
            self._engine.send_trailers(stream, fields)
        except ngh2.NGH2Error:
            return

    def end(self, stream: int) -> None:
        """Queues the end of a body."""
        try:
            self._engine.end_stream(stream)
        except ngh2.NGH2Error:
            return

    def reset(self, stream: int, code: int) -> None:
        """Ends a stream at once, and forgets what of it is queued."""
        if stream in self.open:
            self._cancelled.add(stream)
        try:
            self._engine.reset_stream(stream, code)
        except ngh2.NGH2Error:
            return

    def credit(self, stream: int) -> bool:
        """All that was handed over of a stream has been passed on: so much more may come. Whether the library was told,
        so that it may have something to say."""
        owed = self._owed.get(stream, 0)
        if owed < AT_ONCE:
            return False
        del self._owed[stream]
        self._acknowledge(owed, stream)
        return True

    def _acknowledge(self, count: int, stream: int) -> None:
        try:
            self._engine.acknowledge_received_data(count, stream)
        except ngh2.NGH2Error:
            return  # it ends: nothing more comes

    def notice(self) -> None:
        """Tells that the connection will end: streams under way to us are still taken (the first of two GOAWAYs)."""
        self.ending = True
        try:
            self._engine.send_shutdown_notice()
        except ngh2.NGH2Error:
            return

    def goaway(self, code: int) -> None:
        """Tells that no further stream is taken; those that are open go on."""
        self._told = self._told or code != NO_ERROR
        self.ending = True
        try:
            self._engine.send_goaway(code)
        except ngh2.NGH2Error:
            return

    def ping(self) -> None:
        """Asks for a sign of life."""
        try:
            self._engine.ping()
        except ngh2.NGH2Error:
            return

    # states

    def queued(self, stream: int) -> int:
        """Bytes of a stream's body that wait: for its windows, or for the socket."""
        try:
            size: int = self._engine.queued_body_size(stream)
        except ngh2.NGH2Error:
            return 0
        return size

    def all_queued(self) -> int:
        """The same of all streams."""
        try:
            size: int = self._engine.queued_body_size()
        except ngh2.NGH2Error:
            return 0
        return size

    def allowed(self) -> int:
        """Streams that the peer allows to be open at once."""
        try:
            count: int = self._engine.remote_settings.get(_MAX_STREAMS, UNKNOWN_STREAMS)
        except ngh2.NGH2Error:
            return 0  # it ends
        return count

    def room(self) -> int:
        """How many more streams may be opened now."""
        most = min(self.allowed(), self._bounds.streams)
        return max(most - len(self.open), 0) if most and self._engine.can_send_request else 0

    def has_ended(self) -> bool:
        """True when nothing more is to be read or written."""
        try:
            return not (self._engine.want_read or self._engine.want_write)
        except ngh2.NGH2Error:
            return True  # what came could not be read, and nothing more will be

    # hooks

    def stream_head(self, stream: int, fields: tuple[tuple[bytes, bytes], ...], ended: bool) -> None:
        """The head of a request or of an answer. `ended`: there is nothing behind it."""
        raise NotImplementedError

    def stream_data(self, stream: int, data: bytes, ended: bool) -> None:
        """A piece of a body, perhaps empty; it is to be credited."""
        raise NotImplementedError

    def stream_trailers(self, stream: int, fields: tuple[tuple[bytes, bytes], ...]) -> None:
        """The fields after a body; it has ended."""
        raise NotImplementedError

    def stream_closed(self, stream: int, code: int, unprocessed: bool) -> None:
        """A stream is over: with `NO_ERROR` both sides have ended, otherwise one has reset it. `unprocessed`: for sure
        the peer has done nothing of it."""
        raise NotImplementedError

    def stream_refused(self, stream: int, code: int) -> None:
        """A stream ended before its head was one: it broke a rule of RFC 9113 §8, or a bound."""

    def going_away(self, last: int, code: int) -> None:
        """The peer takes no further stream; those above `last` it will not answer."""

    def settings_received(self) -> None:
        """The peer has said what it allows."""

    # what the library tells

    def _head(self, event: Any) -> None:
        if not self._client:
            self.open.add(event.stream_id)
        self.stream_head(event.stream_id, event.headers, event.end_stream)

    def _data(self, event: Any) -> None:
        stream: int = event.stream_id
        data: bytes = event.data
        self._pieces += 1
        if self._pieces > FEW:
            if not event.end_stream:
                self._gathered.setdefault(stream, []).append(data)
                return
            self._hand_over_gathered(stream)
        self._pass_on(stream, data, event.end_stream)

    def _trailers(self, event: Any) -> None:
        if self._gathered:
            self._hand_over_gathered(event.stream_id)
        self.stream_trailers(event.stream_id, event.headers)

    def _reset(self, event: Any) -> None:
        self._cancelled.add(event.stream_id)

    def _closed(self, event: Any) -> None:
        stream: int = event.stream_id
        code: int = event.error_code
        if self._gathered:
            self._hand_over_gathered(stream)
        if code and stream not in self._cancelled:
            self._broken += 1.0
        self._cancelled.discard(stream)
        known = stream in self.open
        self.open.discard(stream)
        owed = self._owed.pop(stream, 0)
        if owed:
            self._acknowledge(owed, stream)
        refused = code == REFUSED_STREAM or isinstance(event.local_error, ngh2.ConnectionClosingError)
        if known:
            self.stream_closed(stream, code, self._client and refused)
        else:
            self.stream_refused(stream, code)

    def _goaway(self, event: Any) -> None:
        self.ending = True
        self.going_away(event.last_stream_id, event.error_code)

    def _over(self, event: Any) -> None:
        self.ending = True
        if not self._told:
            self.error = event.error_code

    def _settings(self, event: Any) -> None:
        self.settings_received()


def said(error: Exception) -> str:
    """What a library's error says, as part of our own sentence."""
    return str(error).removeprefix(_PREFIX)


_HOOKS: Final[dict[Any, Callable[[Ngh2Engine, Any], None]]] = {
    ngh2.DataReceived: Ngh2Engine._data,
    ngh2.RequestReceived: Ngh2Engine._head,
    ngh2.ResponseReceived: Ngh2Engine._head,
    ngh2.TrailersReceived: Ngh2Engine._trailers,
    ngh2.StreamClosed: Ngh2Engine._closed,
    ngh2.StreamReset: Ngh2Engine._reset,
    ngh2.ConnectionClosed: Ngh2Engine._over,
    ngh2.GoAwayReceived: Ngh2Engine._goaway,
    ngh2.SettingsReceived: Ngh2Engine._settings,
}
"""Event to its hook; others, interim answers among them, say nothing to a proxy."""
