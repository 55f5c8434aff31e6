"""Every address is listened on, by the families of addresses that the kernel has."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import pytest

from proxy import listening
from proxy.config.values import address
from proxy.contracts.address import Address

ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 on this machine")


@contextmanager
def heard(*texts: str) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(sock) for sock in listening.listen([address(text) for text in texts])]


def free_port() -> int:
    with socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET) as sock:
        sock.bind(("", 0))
        return int(sock.getsockname()[1])


def connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 2).close()
    except OSError:
        return False
    return True


def families(socks: Sequence[socket.socket]) -> list[int]:
    return [sock.family for sock in socks]


def test_sockets_do_not_block_and_know_their_port() -> None:
    with heard("127.0.0.1:0") as socks:
        port = socks[0].getsockname()[1]
        assert not socks[0].getblocking()
        assert socks[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert listening.bound(socks) == f"127.0.0.1:{port}"
        with pytest.raises(OSError, match="in use") as caught:
            listening.listen([Address("127.0.0.1", port)])
    assert caught.value.filename == f"127.0.0.1:{port}"


@ipv6
@pytest.mark.parametrize("texts", [(":{0}",), ("*:{0}",), ("0.0.0.0:{0}", "[::]:{0}"), ("[::]:{0}", "127.0.0.1:{0}")])
def test_both_families_are_heard_side_by_side(texts: tuple[str, ...]) -> None:
    port = free_port()
    with heard(*(text.format(port) for text in texts)) as socks:
        assert sorted(families(socks)) == [socket.AF_INET, socket.AF_INET6]
        assert connects("127.0.0.1", port)
        assert connects("::1", port)


@ipv6
def test_ipv6_alone_hears_ipv4_as_well() -> None:
    with heard("[::]:0") as socks:
        assert len(socks) == 1
        assert connects("127.0.0.1", socks[0].getsockname()[1])


@ipv6
def test_a_chosen_port_is_the_same_in_both_families() -> None:
    with heard(":0") as socks:
        assert len({sock.getsockname()[1] for sock in socks}) == 1
        assert len(listening.bound(socks).split(", ")) == len(socks) == 2


def without(monkeypatch: pytest.MonkeyPatch, family: int, number: int, at: str) -> None:
    """The kernel has no such family: it says so when a socket is made, or when it is bound."""

    class Kernel(socket.socket):
        def __init__(self, family_: int = -1, *rest: int) -> None:
            if family_ == family and at == "socket":
                raise OSError(number, "not supported")
            super().__init__(family_, *rest)

        def bind(self, address: object) -> None:
            if self.family == family and at == "bind":
                raise OSError(number, "not available")
            super().bind(address)  # type: ignore[arg-type]

    monkeypatch.setattr("proxy.listening.socket.socket", Kernel)


MISSING = [
    pytest.param(errno.EAFNOSUPPORT, "socket", id="no module"),
    pytest.param(errno.EADDRNOTAVAIL, "bind", id="switched off"),
]


@pytest.mark.parametrize(("number", "at"), MISSING)
@pytest.mark.parametrize("texts", [(":0",), ("[::]:0",), ("0.0.0.0:0", "[::]:0")])
def test_without_ipv6_the_wildcards_hear_ipv4(
    texts: tuple[str, ...], number: int, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, socket.AF_INET6, number, at)
    with heard(*texts) as socks:
        assert set(families(socks)) == {socket.AF_INET}
        assert connects("127.0.0.1", socks[0].getsockname()[1])


@ipv6
@pytest.mark.parametrize(("number", "at"), MISSING)
@pytest.mark.parametrize("texts", [(":0",), ("0.0.0.0:0", "[::]:0")])
def test_without_ipv4_the_wildcards_hear_ipv6(
    texts: tuple[str, ...], number: int, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, socket.AF_INET, number, at)
    with heard(*texts) as socks:
        assert families(socks) == [socket.AF_INET6]


@pytest.mark.parametrize("texts", [("[::1]:0",), ("127.0.0.1:0", "[::1]:0")])
def test_an_address_that_cannot_be_is_named_and_nothing_stays_bound(
    texts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, socket.AF_INET6, errno.EADDRNOTAVAIL, "bind")
    with pytest.raises(OSError, match="not available") as caught, heard(*texts):
        pass
    assert caught.value.filename == "[::1]:0"


def test_no_family_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, socket.AF_INET, errno.EAFNOSUPPORT, "socket")
    with pytest.raises(OSError, match="no such family"), heard("0.0.0.0:0"):
        pass


def test_a_taken_port_of_both_families_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use") as caught, heard(f":{port}"):
            pass
    assert caught.value.filename == f"*:{port}"


def test_of_a_name_the_first_address_that_can_be_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr("proxy.listening.socket.getaddrinfo", lambda *_, **__: infos)
    without(monkeypatch, socket.AF_INET6, errno.EADDRNOTAVAIL, "bind")
    with heard("localhost:0") as socks:
        assert families(socks) == [socket.AF_INET]
