"""Certificates that rotate under load in a real program: no request fails, new connections see the new one, who is of
an authority that is gone is out, and no key is in anything that the program says or keeps."""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.certificates import Authority, Issued, written
from tests.support.running import PATIENCE, Running, eventually
from tests.support.upstream import Upstream

CA, OLD, NEW = Authority(), Authority("Old clients"), Authority("New clients")

CONFIG = """
listen: 127.0.0.1:0
tls: {{certificate: {mount}/tls.crt, key: {mount}/tls.key, client_ca: {mount}/ca.crt, client: require}}
admin: {{listen: 127.0.0.1:0}}
state: {folder}/state.db
drain: 5s
versions: {{a: {{url: {a.url}}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a}}}}
"""


def rotate(mount: Path, own: Issued, *clients: Authority) -> None:
    """As kubelet does: a new folder, and one link that leads to it from now on."""
    generation = f"..{len(list(mount.iterdir()))}"
    written(mount / generation, own, *clients)
    os.symlink(generation, mount / "..new")
    os.rename(mount / "..new", mount / "..data")
    for name in ("tls.crt", "tls.key", "ca.crt"):
        if not (mount / name).is_symlink():
            os.symlink(f"..data/{name}", mount / name)


class House:
    """A running program whose certificates are in `mount`, and clients that show one."""

    def __init__(self, running: Running, folder: Path) -> None:
        self.running, self.mount = running, folder / "mount"
        self.keys: list[str] = []
        self.contexts = {each: self._context(folder, each) for each in (OLD, NEW)}

    def _context(self, folder: Path, authority: Authority) -> ssl.SSLContext:
        own = authority.issue("spiffe://test/client")
        paths = written(folder / authority.name.rfc4514_string(), own)
        context = ssl.create_default_context(cadata=CA.certificate)
        context.load_cert_chain(paths.certificate, paths.key)
        self.keys.append(own.key)
        return context

    def open(self, authority: Authority, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        host, _, port = self.running.data.rpartition(":")
        plain = socket.create_connection((host, int(port)), timeout=PATIENCE)
        return self.contexts[authority].wrap_socket(plain, server_hostname="localhost", session=session)

    def ask(self, connection: ssl.SSLSocket) -> bytes:
        """The beginning of an answer; b"" where there is none. TLS 1.3 refuses a client only then."""
        try:
            connection.sendall(b"GET /predict HTTP/1.1\r\nHost: a\r\n\r\n")
            return connection.recv(4096)
        except OSError:
            return b""

    def shown(self) -> tuple[str, ...]:
        """The names that a new connection is shown, by a request that is answered."""
        with self.open(OLD) as connection:
            assert self.ask(connection).startswith(b"HTTP/1.1 200")
            certificate: Any = connection.getpeercert()
            return tuple(name for _, name in certificate["subjectAltName"])

    def issue(self, *names: str) -> Issued:
        own = CA.issue("dns:localhost", *names)
        self.keys.append(own.key)
        return own

    def put(self, name: str, *clients: Authority) -> None:
        rotate(self.mount, self.issue(f"dns:{name}"), *clients)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("rotation")
    first = CA.issue("dns:localhost", "dns:first")
    (folder / "mount").mkdir()
    rotate(folder / "mount", first, OLD)
    with Upstream("a") as a:
        config = folder / "penumbra.yaml"
        config.write_text(CONFIG.format(mount=folder / "mount", folder=folder, a=a))
        with Running(config) as running:
            made = House(running, folder)
            made.keys.append(first.key)
            yield made


class Load:
    """Requests one after the other, half of them on a connection that stays open, until the end of the context."""

    def __init__(self, house: House) -> None:
        self.house, self.done, self.failed = house, 0, list[str]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        port = int(self.house.running.data.rpartition(":")[2])
        kept = HTTPSConnection("localhost", port, context=self.house.contexts[OLD], timeout=PATIENCE)
        while not self._over.is_set():
            fresh = HTTPSConnection("localhost", port, context=self.house.contexts[OLD], timeout=PATIENCE)
            for connection in (kept, fresh):
                try:
                    connection.request("GET", "/predict")
                    answer = connection.getresponse()
                    if (answer.status, answer.read()) != (200, b"a"):
                        self.failed.append(str(answer.status))
                except OSError as error:
                    self.failed.append(repr(error))
                self.done += 1
            fresh.close()
        kept.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def test_rotations_under_load_fail_no_request_and_are_seen(house: House) -> None:
    with Load(house) as load:
        for name in ("second", "third", "fourth", "fifth"):
            house.put(name, OLD)
            eventually(lambda name=name: name in house.shown(), f"the certificate {name}")  # type: ignore[misc]
    assert load.failed == [] and load.done > 8
    metrics = house.running.ask("GET", "/metrics").body.decode()
    assert 'penumbra_tls_reload_failed{role="listen"} 0.0' in metrics
    end = re.search(r'penumbra_tls_not_after_seconds\{role="listen"\} (\S+)', metrics)
    begin = re.search(r'penumbra_tls_not_before_seconds\{role="listen"\} (\S+)', metrics)
    assert end is not None and begin is not None and float(end[1]) > float(begin[1]) > 1.7e9


def test_what_is_broken_is_told_and_changes_nothing(house: House) -> None:
    before = house.shown()
    rotate(house.mount, house.issue("dns:broken")._replace(key=house.keys[-2]), OLD)
    told = house.running.event("tls: its files cannot be used")
    assert "does not fit the certificate" in told["event"]
    assert house.shown() == before
    assert 'penumbra_tls_reload_failed{role="listen"} 1.0' in house.running.ask("GET", "/metrics").body.decode()
    assert any("its files cannot be used" in warning for warning in house.running.route()["warnings"])
    house.put("mended", OLD)
    eventually(lambda: "mended" in house.shown(), "the certificate that mends it")


def test_who_is_of_an_authority_that_is_gone_is_out_at_once(house: House) -> None:
    with house.open(OLD) as connection, house.open(NEW) as stranger:
        assert house.ask(connection).startswith(b"HTTP/1.1 200") and not house.ask(stranger)
        session = connection.session
        house.put("exchanged", NEW)
        eventually(lambda: _answers(house, NEW), "a client of the new authority")
        assert not _answers(house, OLD) and not _answers(house, OLD, session)
        eventually(lambda: not house.ask(connection), "the end of the connection that was open")


def _answers(house: House, authority: Authority, session: ssl.SSLSession | None = None) -> bool:
    try:
        with house.open(authority, session) as connection:
            return bool(house.ask(connection))
    except OSError:
        return False


def test_no_key_is_in_anything_that_the_program_says_or_keeps(house: House) -> None:
    running = house.running
    said = [str(running.log)]
    paths = ["/v1/routes", "/v1/routes/r", "/v1/audit", "/v1/releases", "/metrics", "/openapi.json", "/", "/healthz"]
    said += [running.ask("GET", path).body.decode() for path in paths]
    state = [path for path in house.mount.parent.iterdir() if path.is_file() and path.name.startswith("state")]
    assert state
    said += [path.read_bytes().decode("latin-1") for path in state]
    secrets = {line for key in house.keys for line in key.splitlines() if line and "-----" not in line}
    assert len(secrets) > 8
    for text in said:
        assert not [line for line in secrets if line in text or line[:32] in text]
