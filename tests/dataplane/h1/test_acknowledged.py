"""What TCP knows of bytes that were written, on real sockets."""

from __future__ import annotations

import socket
import struct
import sys

import pytest

from proxy.dataplane.h1.acknowledged import all_acknowledged, was_taken


def info(acked: int, sent: int, again: int = 0) -> bytes:
    return bytes(120) + struct.pack("<Q", acked) + bytes(72) + struct.pack("<QQ", sent, again)


def test_the_counts_of_the_kernel() -> None:
    assert all_acknowledged(info(acked=101, sent=100)), "the SYN is acknowledged, too"
    assert all_acknowledged(info(acked=101, sent=150, again=50))
    assert not all_acknowledged(info(acked=101, sent=600))
    assert not all_acknowledged(b""), "a kernel that does not tell"


def test_what_is_no_connection_has_taken_nothing() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        assert not was_taken(sock)
    assert not was_taken(None)


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not tell")
@pytest.mark.parametrize("reads", [True, False])
def test_a_server_that_reads_takes_what_is_written_and_one_that_has_closed_does_not(reads: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        client.sendall(b"question")
        assert server.recv(100) == b"question"
        server.sendall(b"answer")
        assert client.recv(100) == b"answer"
        if not reads:
            server.close()
        client.sendall(b"another question")
        if reads:
            assert server.recv(100) == b"another question"
            server.close()
        assert client.recv(100) == b"", "its end is read, and with it what it has acknowledged"
        assert was_taken(client) == reads
