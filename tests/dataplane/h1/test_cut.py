"""An end that cannot be taken for a proper one."""

from __future__ import annotations

import socket

import pytest

from proxy.dataplane.h1.cut import cut


def test_the_other_side_meets_a_reset_after_what_it_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        one, _ = server.accept()
        one.sendall(b"half")
        assert client.recv(100) == b"half"
        cut(one)
        one.close()
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_what_is_closed_or_has_no_socket_is_left_alone() -> None:
    with socket.socket() as sock:
        pass
    cut(sock)
    cut(None)
