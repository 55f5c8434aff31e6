"""The admin API of the real program by TLS: on all its addresses, as whom, through a rotation and a new control."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from tests.support.certificates import Authority, written
from tests.support.running import PATIENCE, Answer, Running, call, eventually

CA = Authority()
CONFIG = """
listen: 127.0.0.1:0
admin:
  listen: [127.0.0.1:0, 127.0.0.1:0]
  tls:
    certificate: {folder}/own/tls.crt
    key: {folder}/own/tls.key
    client_ca: {folder}/own/ca.crt
    client: optional
    roles: [{{allow: ["spiffe://prod/ops"], role: operate}}]
state: {folder}/state.db
versions: {{a: {{url: "http://127.0.0.1:1"}}, b: {{url: "http://127.0.0.1:2"}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a, canary: {{version: b, percent: 10}}}}}}
"""


class Secured(Running):
    """Its admin API is asked by TLS, under the name `localhost`."""

    trusted = ssl.create_default_context(cadata=CA.certificate)

    def ask(self, method: str, path: str, body: Any = None, address: str = "") -> Answer:
        port = (address or self.admin).rpartition(":")[2]
        connection = HTTPSConnection("localhost", int(port), timeout=PATIENCE, context=self.trusted)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            return Answer(response.status, response.read(), {})
        finally:
            connection.close()

    def shown(self) -> set[str]:
        """The names of the certificate that is shown."""
        host, _, port = self.admin.rpartition(":")
        pem = ssl.get_server_certificate((host, int(port)))
        return {name for name in ("old", "new") if name.encode() in ssl.PEM_cert_to_DER_cert(pem)}


def test_the_admin_api_by_tls(tmp_path: Path) -> None:
    written(tmp_path / "own", CA.issue("dns:localhost", "dns:old"), CA)
    ops = written(tmp_path / "ops", CA.issue("spiffe://prod/ops"), CA)
    config = tmp_path / "penumbra.yaml"
    config.write_text(CONFIG.format(folder=tmp_path))
    with Secured(config) as running:
        addresses = running.event("listening")["admin"].split(", ")
        assert [running.ask("GET", "/healthz", address=each).status for each in addresses] == [200, 200]
        assert call(running.admin, "GET", "/healthz").status == 400  # in clear
        assert running.ask("PUT", "/v1/routes/r/split", {"b": 5}).status == 401  # of loopback, without a certificate
        port = running.admin.rpartition(":")[2]
        access = ["--admin", f"localhost:{port}", "--ca", ops.ca, "--cert", ops.certificate, "--key", ops.key]
        command = [sys.executable, "-P", "-m", "proxy", "split", "r", "b=20", *access]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        (entry, *_) = running.ask("GET", "/v1/audit").json()["entries"]
        assert (entry["who"], entry["action"]) == ("spiffe://prod/ops", "split")
        written(tmp_path / "own", CA.issue("dns:localhost", "dns:new"), CA)
        eventually(lambda: running.shown() == {"new"}, "the new certificate")
        written(tmp_path / "own", CA.issue("dns:localhost")._replace(key="none"), CA)
        running.kill(running.child("control"), signal.SIGKILL)
        running.event("control is up", 2)
        assert running.ask("GET", "/healthz").status == 200
        assert running.shown() == {"new"}  # what can be used stays, also across a process
