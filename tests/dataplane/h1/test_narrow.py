"""Sockets of which there are many have small buffers."""

from __future__ import annotations

import socket

from proxy.dataplane.h1.narrow import NARROW_BYTES, narrow


def test_a_connection_gets_a_small_receive_buffer() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        narrow(one)
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * NARROW_BYTES


def test_what_is_closed_or_has_no_socket_is_left_alone() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    one.close()
    other.close()
    narrow(one)
    narrow(None)
