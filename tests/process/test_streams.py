"""100 MB either way pass through a worker that does not grow by 10 MB."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

from tests.support.chaos import Servers
from tests.support.running import Running
from tests.support.scripted import Request, Served, answer, huge, says

SIZE = 100_000_000


async def counts(served: Served, request: Request) -> bool:
    """The size of what it got; the body itself was read in one piece by the script's reader."""
    served.writer.write(answer(str(len(request.body)).encode()))
    return True


def peak_growth(pid: int, action: Callable[[], None]) -> int:
    """Bytes by which the resident memory of `pid` grew at most while `action` ran."""

    def resident(kind: str) -> int:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(kind):
                return int(line.split()[1]) * 1024
        raise AssertionError(kind)

    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    action()
    return resident("VmHWM") - before


def test_memory_stays_flat(tmp_path: Path) -> None:
    with Servers({"up": counts, "down": huge(SIZE), "quiet": says(answer(b"1"))}) as servers:
        path = tmp_path / "penumbra.yaml"
        path.write_text(
            f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {tmp_path}/state.db\n"
            f"versions: {{up: {{url: {servers.url('up')}}}, down: {{url: {servers.url('down')}}}, "
            f"quiet: {{url: {servers.url('quiet')}}}}}\n"
            "routes:\n"
            "  up: {match: {path: /up}, protocol: json, primary: up, limits: {body: 200MiB}, "
            "shadows: [{version: quiet, percent: 100}]}\n"
            "  down: {match: {path: /down}, protocol: json, primary: down, "
            "shadows: [{version: quiet, percent: 100}]}\n"
        )
        with Running(path) as running:
            host, _, port = running.data.rpartition(":")
            worker = running.child("worker-0")

            def upload() -> None:
                connection = HTTPConnection(host, int(port), timeout=60)
                connection.request("POST", "/up", (b"x" * 100_000 for _ in range(SIZE // 100_000)), encode_chunked=True)
                assert connection.getresponse().read() == str(SIZE).encode()
                connection.close()

            def download() -> None:
                connection = HTTPConnection(host, int(port), timeout=60)
                connection.request("GET", "/down")
                response, size = connection.getresponse(), 0
                while data := response.read(1 << 16):
                    size += len(data)
                assert size == SIZE
                connection.close()

            upload_growth, download_growth = peak_growth(worker, upload), peak_growth(worker, download)
            assert upload_growth < 10_000_000
            assert download_growth < 10_000_000
            both = [threading.Thread(target=action) for action in (upload, download)]
            for thread in both:
                thread.start()
            for thread in both:
                thread.join()
