"""Asks the installed Penumbra of this interpreter's environment for one answer: it is compiled, finds its own package
alone, and a mirrored request passes through all of its processes without a warning.

    PYTHON -P .ci/one_request.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PENUMBRA = Path(sysconfig.get_path("scripts")) / "penumbra"
SECONDS = 60
"""Patience with a start that takes one."""

CONFIG = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
versions: {{v1: {{url: "http://127.0.0.1:{port}"}}, v2: {{url: "http://127.0.0.1:{port}"}}}}
routes:
  r: {{match: {{path: /}}, protocol: auto, primary: v1, shadows: [{{version: v2, percent: 100}}]}}
"""


class Model(BaseHTTPRequestHandler):
    """Answers what a model may; `copied` once it has had a copy."""

    protocol_version = "HTTP/1.1"
    copied = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "20")
        self.end_headers()
        self.wfile.write(b'{"predictions": [1]}')
        if "x-penumbra-shadow" in self.headers:
            self.copied.set()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what is asked is known."""


def ask(config: Path, folder: Path) -> str:
    """The version that answered through a sidecar of its own."""
    command = ["env", "PYTHONWARNINGS=error", str(PENUMBRA), "run", str(config)]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as sidecar:
        assert sidecar.stderr is not None
        guard = threading.Timer(SECONDS, sidecar.kill)
        guard.start()
        try:
            for line in sidecar.stderr:
                event = json.loads(line) if line.startswith("{") else {"event": line}
                if event["event"] == "listening":
                    address = event["data"]
                if event["event"].startswith("control is up"):
                    break
            else:
                raise SystemExit("the sidecar ended before it listened")
            body = b'{"instances": [[1.0]]}'
            request = urllib.request.Request(f"http://{address}/", body, {"content-type": "application/json"})
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                version: str = answer.headers["x-penumbra-version"]
            if not Model.copied.wait(SECONDS):
                raise SystemExit("no copy came to the shadow")
            return version
        finally:
            guard.cancel()
            sidecar.terminate()


def main() -> None:
    """Prints who answered; ends with a reason where nobody did."""
    with tempfile.TemporaryDirectory() as name, ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        folder = Path(name)
        said = subprocess.run([PENUMBRA, "--version"], cwd=folder, capture_output=True, text=True, check=True).stdout
        if "(compiled)" not in said:
            raise SystemExit(f"{said.strip()} runs interpreted")
        config = folder / "penumbra.yaml"
        config.write_text(CONFIG.format(port=server.server_address[1]))
        version = ask(config, folder)
        server.shutdown()
    print(f"{said.strip()} on Python {sys.version.split()[0]}: {version} has answered, and its shadow too")


if __name__ == "__main__":
    main()
