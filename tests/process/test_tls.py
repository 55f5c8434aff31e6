"""TLS towards clients with the real program and real clients: curl, OpenSSL, Node, Python."""

from __future__ import annotations

import base64
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from tests.support.certificates import Authority, Paths, written
from tests.support.running import PATIENCE, Running, eventually
from tests.support.upstream import Upstream

CA, CLIENTS = Authority(), Authority("Clients")
SERVER = CA.issue("dns:localhost", "ip:127.0.0.1")

CONFIG = """
listeners:
  - {{listen: 127.0.0.1:0}}
  - {{listen: 127.0.0.1:0, tls: {{certificate: {own.certificate}, key: {own.key}}}}}
  - listen: 127.0.0.1:0
    tls:
      certificate: {own.certificate}
      key: {own.key}
      client_ca: {clients}
      client: require
      allow: ["spiffe://test/one"]
      identity_header: x-forwarded-client-cert
admin: {{listen: 127.0.0.1:0}}
state: {folder}/state.db
drain: 5s
versions: {{a: {{url: {a.url}}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a}}}}
"""


class Tls:
    """A program with a plain listener, one by TLS, and one for clients with a certificate."""

    def __init__(self, running: Running, folder: Path, own: Paths, model: Upstream) -> None:
        self.running, self.ca, self.model = running, own.ca, model
        self.plain, self.open, self.mutual = running.event("listening")["data"].split(", ")
        self.one = written(folder / "one", CLIENTS.issue("spiffe://test/one"), CA)
        self.two = written(folder / "two", CLIENTS.issue("spiffe://test/two"), CA)
        self.foreign = written(folder / "foreign", CA.issue("spiffe://test/one"), CA)

    def curl(self, address: str, *arguments: str, scheme: str = "https") -> str:
        """The answer's body, or how curl has failed."""
        command = ["curl", "-sS", "--max-time", f"{PATIENCE:g}", "--cacert", self.ca, *arguments]
        return out([*command, f"{scheme}://{address}/predict"])

    def openssl(self, address: str, *arguments: str) -> str:
        return out(["openssl", "s_client", "-connect", address, "-CAfile", self.ca, *arguments], b"Q\n")

    def get(self) -> bytes:
        context = ssl.create_default_context(cafile=self.ca)
        connection = HTTPSConnection(self.open, context=context, timeout=PATIENCE)
        connection.request("GET", "/predict")
        body = connection.getresponse().read()
        connection.close()
        return body


def out(command: list[str], stdin: bytes = b"") -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=PATIENCE, check=False)
    return (done.stdout + done.stderr).decode()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tls]:
    folder = tmp_path_factory.mktemp("tls")
    own = written(folder / "own", SERVER, CA)
    clients = folder / "clients.crt"
    clients.write_text(CLIENTS.certificate)
    config = folder / "penumbra.yaml"
    with Upstream("a") as a:
        config.write_text(CONFIG.format(own=own, clients=clients, folder=folder, a=a))
        with Running(config) as running:
            yield Tls(running, folder, own, a)


def test_plain_and_tls_stand_side_by_side(tls: Tls) -> None:
    assert tls.curl(tls.plain, scheme="http") == "a"
    assert tls.curl(tls.open) == "a" and tls.get() == b"a"
    assert '"not_tls"' in tls.curl(tls.open, scheme="http")
    assert tls.curl(tls.plain).startswith("curl: (35)")


def test_node_gets_its_answers_on_one_connection(tls: Tls) -> None:
    script = f"""
const https = require("https"), agent = new https.Agent({{keepAlive: true, maxSockets: 1}});
const ask = () => new Promise((done, fail) => https.get({{host: "localhost", port: {tls.open.rpartition(":")[2]},
  path: "/predict", agent, lookup: (n, o, f) => o.all ? f(null, [{{address: "127.0.0.1", family: 4}}])
  : f(null, "127.0.0.1", 4)}}, r => r.on("data", d => process.stdout.write(d)).on("end", done)).on("error", fail));
(async () => {{ for (let i = 0; i < 3; i++) await ask(); process.exit(0); }})();
"""
    assert out(["env", f"NODE_EXTRA_CA_CERTS={tls.ca}", "node", "-e", script]) == "aaa"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-servername", "localhost"], "Verify return code: 0"),
        (["-noservername"], "Verify return code: 0"),
        (["-servername", "another.test"], "Verify return code: 0"),
        (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "alert protocol version"),
        (["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], "handshake failure"),
        (["-tls1_2"], "Secure Renegotiation IS supported"),
        (["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
    ],
)
def test_openssl_hears_what_is_spoken(tls: Tls, arguments: list[str], said: str) -> None:
    assert said in tls.openssl(tls.open, *arguments)


def test_a_renegotiation_is_refused_and_nobody_else_hears_of_it(tls: Tls) -> None:
    command = ["openssl", "s_client", "-connect", tls.open, "-CAfile", tls.ca, "-tls1_2"]
    said = out(command, b"R\nQ\n")
    assert "no renegotiation" in said
    assert tls.get() == b"a"


def test_new_keys_as_often_as_a_client_likes_and_then_a_request(tls: Tls) -> None:
    """`K` asks for new keys of both sides (RFC 8446 §4.6.3)."""
    command = ["openssl", "s_client", "-connect", tls.open, "-CAfile", tls.ca, "-tls1_3", "-quiet", "-no_ign_eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as peer:
        assert peer.stdin is not None and peer.stdout is not None and peer.stderr is not None
        for said in [*([b"K\n", b"k\n"] * 8), b"GET /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]:
            peer.stdin.write(said)
            peer.stdin.flush()
            time.sleep(0.02)  # it takes a letter for a command at the beginning of a read alone
        assert peer.stdout.read().endswith(b"\r\n\r\na")
        assert peer.stderr.read().count(b"KEYUPDATE") >= 8


def willing(session: bytes) -> bytes:
    """A session (DER) as that of a server that would take early data: with `max_early_data` (tag 15) of 16 KiB."""
    at = 4
    while at < len(session) and session[at] < 0xAF:
        long = session[at + 1] & 0x7F if session[at + 1] & 0x80 else 0
        length = int.from_bytes(session[at + 2 : at + 2 + long], "big") if long else session[at + 1]
        at += 2 + long + length
    body = session[4:at] + bytes.fromhex("af0402024000") + session[at:]
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


def test_early_data_is_never_read(tls: Tls, tmp_path: Path) -> None:
    """Whoever copies it could have it answered again (RFC 8446 §8): only what comes after the handshake is a request,
    though a client with a ticket of ours sends it unasked."""
    ask = "GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".format
    ticket, early = tmp_path / "ticket", tmp_path / "early"
    command = ["openssl", "s_client", "-connect", tls.open, "-CAfile", tls.ca, "-tls1_3", "-ign_eof"]
    first = out([*command, "-sess_out", str(ticket)], ask("first").encode())
    assert first.count("HTTP/1.1 200") == 1 and "Max Early Data: 0" in first
    begin, *lines, end = ticket.read_text().splitlines()
    session = base64.encodebytes(willing(base64.b64decode("".join(lines)))).decode()
    ticket.write_text(f"{begin}\n{session}{end}\n")
    early.write_text(ask("early"))
    for _ in range(2):
        again = out([*command, "-sess_in", str(ticket), "-early_data", str(early)], ask("late").encode())
        assert "Early data was rejected" in again and again.count("HTTP/1.1 200") == 1, again
    asked = [path for _, path in tls.model.seen]
    assert (asked.count("/first"), asked.count("/early"), asked.count("/late")) == (1, 0, 2)


def test_who_is_allowed_gets_in(tls: Tls) -> None:
    def curl(who: Paths | None) -> str:
        return tls.curl(tls.mutual, *(() if who is None else ("--cert", who.certificate, "--key", who.key)))

    assert curl(tls.one) == "a"
    for who in (tls.two, tls.foreign, None):
        assert curl(who).startswith("curl: ")
    results = {"not_allowed", "untrusted", "no_certificate", "ok"}
    eventually(lambda: results <= counted(tls), f"all of {results}")
    assert "Traceback" not in str(tls.running.log)


def counted(tls: Tls) -> set[str]:
    """The results of handshakes that the metrics have."""
    metrics = tls.running.ask("GET", "/metrics").body.decode()
    return set(re.findall(r'penumbra_tls_handshakes_total{result="(\w+)",side="client"}', metrics))


def test_it_outlives_control_and_its_worker(tls: Tls) -> None:
    running = tls.running
    before = len(running.children())
    running.kill(running.child("control"))
    running.kill(running.child("worker-0"))
    assert tls.get() == b"a"
    eventually(lambda: len(running.children()) == before + 2, "both again")
    assert tls.get() == b"a"
    assert tls.curl(tls.open, scheme="http").count('"not_tls"') == 1


def test_draining_ends_it(tls: Tls) -> None:
    tls.running.kill(tls.running.pid, 15)
    assert tls.running.wait() == 0
