"""What a replay needs of a server, and why there is none."""

from __future__ import annotations

import errno
import socket

import pytest

from proxy.cli.replay.target import reason_of, why_not_reached
from proxy.tls.reason import TlsError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "connect_timeout"),
        (OSError(errno.EMFILE, "Too many open files"), "no_resources"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "connect_failed"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "connect_failed"),
        (TlsError("untrusted"), "tls_failed"),
    ],
)
def test_what_our_host_lacks_is_charged_to_no_server(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason
    assert why_not_reached(error)
