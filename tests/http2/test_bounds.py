"""Bounds of a connection."""

from __future__ import annotations

from proxy.http2.bounds import CONNECTION_WINDOW, DEFAULT_WINDOW, WINDOW, Http2Bounds


def test_a_head_is_as_large_as_in_http1_unless_said_otherwise() -> None:
    usual, own = Http2Bounds(), Http2Bounds(7, 1_000, 5)
    assert (usual.streams, usual.head, usual.fields) == (100, 64 * 1024, 128)
    assert (own.streams, own.head, own.fields) == (7, 1_000, 5)


def test_no_stream_can_fill_the_window_of_its_connection() -> None:
    assert DEFAULT_WINDOW < WINDOW <= CONNECTION_WINDOW // 16
