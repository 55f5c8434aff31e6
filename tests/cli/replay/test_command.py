"""`penumbra replay` as a command: options, files and exit codes."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from proxy import files
from proxy.cli.main import app
from proxy.cli.replay import command
from proxy.config.load import load
from proxy.contracts.replay import decode, encode, settled
from proxy.control.replay import survey
from tests.support.replayed import answer, capture, request, whole

NUMBERS = {request(number): number for number in range(1001)}

CONFIG = """
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
state: ":memory:"
versions:
  v1: {url: "http://127.0.0.1:1"}
  v2: {url: "http://127.0.0.1:2", lineage: {commit: 4f2a91c}}
routes:
  cancer:
    match: {path: /v2/models/m/}
    protocol: oip
    primary: v1
    release:
      candidate: v2
      strategy: canary
      stages: [{shadow: 100, requests: 200}]
      scorecard: {disagreement: {max: 0.02}, latency_p99: {max_ratio: 1.25}}
"""


def good(body: bytes) -> bytes:
    """What the good model says."""
    return answer(NUMBERS[body])


class Model(BaseHTTPRequestHandler):
    """A model server in threads; `says` is the whole of it."""

    protocol_version = "HTTP/1.1"
    says: Callable[[bytes], bytes]

    def do_POST(self) -> None:
        body = type(self).says(self.rfile.read(int(self.headers["content-length"])))
        self.wfile.write(whole(body))

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Threads(ThreadingHTTPServer):
    """Connections by the dozen, whose ends are no news."""

    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """A client that closes."""


@contextmanager
def server(says: Callable[[bytes], bytes] = good) -> Iterator[str]:
    """A server of its own; its URL."""
    handler = type("Saying", (Model,), {"says": staticmethod(says)})
    with Threads(("127.0.0.1", 0), handler) as made:
        made.daemon_threads = False
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_address[1]}"
        finally:
            made.shutdown()
            thread.join()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "penumbra.yaml"
    path.write_text(CONFIG)
    return path


def replay(config: Path, captured: Path, url: str, *more: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    arguments = ["replay", str(captured), str(config), "--route", "cancer", "--against", url, *more]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_a_good_candidate_passes_and_the_report_is_the_same_every_time(config: Path, tmp_path: Path) -> None:
    captured = capture(tmp_path / "records", 600)
    reports = []
    with server() as url:
        for concurrency in ("1", "8"):
            place = tmp_path / f"report-{concurrency}"
            more = ("--json", str(place), "--concurrency", concurrency)
            code, shown, _ = replay(config, captured, url, *more)
            assert code == 0 and shown.startswith("pass: v2 on cancer: ")
            reports.append(decode(place.read_bytes()))
    first, second = (encode(settled(report)).decode() for report in reports)
    assert first == second
    assert reports[0].lineage.commit == "4f2a91c" and len(reports[0].capture.sha256) == 64


def test_a_candidate_that_says_nonsense_fails(config: Path, tmp_path: Path) -> None:
    with server(lambda body: b"<html>") as url:
        code, shown, _ = replay(config, capture(tmp_path / "records", 300), url, "--json", "-")
    assert code == 1 and json.loads(shown)["verdict"] == "fail"


def late(body: bytes) -> bytes:
    """Right on the first four fifths of a capture in an order, and wrong on the rest."""
    number = NUMBERS[body]
    return answer(number) if number < 800 else answer(number + 50)


def test_files_that_overlap_count_once_and_it_is_said(config: Path, tmp_path: Path) -> None:
    captured, place = capture(tmp_path / "records", 300), tmp_path / "report"
    captured.write_bytes(captured.read_bytes() + capture(tmp_path / "again", 40).read_bytes())
    with server() as url:
        image = "shop/fraud@sha256:" + "ab" * 32
        more = ("--all", "--json", str(place), "--image", image, "--lineage", "commit=newer")
        code, shown, _ = replay(config, captured, url, *more)
    report = decode(place.read_bytes())
    assert code == 0 and report.counts.sent == 300
    assert "note: 40 records are in the files more than once, and counted once" in shown
    assert (report.image, report.lineage.commit) == (image, "newer")


def test_what_is_no_image_and_no_lineage_is_refused(config: Path, tmp_path: Path) -> None:
    captured = capture(tmp_path / "records", 3)
    for more in (("--image", "fraud:2"), ("--lineage", "owner=me"), ("--lineage", "commit")):
        assert replay(config, captured, "http://127.0.0.1:1", *more)[0] == 2


def test_what_comes_late_in_a_capture_is_seen(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "MIN_SURVEYED", 300)
    config.write_text(CONFIG.replace("requests: 200", "requests: 150"))
    captured, place = capture(tmp_path / "records", 1000), tmp_path / "report"
    for more, sent, ending in (((), 300, "decided"), (("--requests", "310"), 310, "requests")):
        with server() as url:
            assert replay(config, captured, url, "--json", str(place), *more)[0] == 0
        report = decode(place.read_bytes())
        assert (report.ending, report.counts.sent) == (ending, sent)
        with server(late) as url:
            assert replay(config, captured, url, *more)[0] == 1


def test_too_little_is_undecided_and_says_how_much_more(config: Path, tmp_path: Path) -> None:
    with server() as url:
        code, shown, _ = replay(config, capture(tmp_path / "records", 20), url)
        assert code == 5 and "more requests would decide" in shown
        code, shown, _ = replay(config, capture(tmp_path / "bare", 20, request=None), url)
    assert code == 5 and "20 x its body is not in the capture" in shown


def test_a_primary_beside_and_the_recorded_pace_are_options(config: Path, tmp_path: Path) -> None:
    place, captured = tmp_path / "report", capture(tmp_path / "records", 100)
    more = ("--pace", "50", "--requests", "30", "--timeout", "20", "--all", "--version", "new", "--json", str(place))
    with server() as url, server() as beside:
        code, _, _ = replay(config, captured, url, "--primary", beside, *more)
    report = decode(place.read_bytes())
    assert (code, report.ending, report.counts.sent, report.candidate) == (5, "requests", 30, "new")
    assert report.beside == beside and report.run is not None
    assert [arm.arm for arm in report.run.latencies] == ["primary", "candidate"]


def test_a_server_that_is_not_there_is_no_verdict(config: Path, tmp_path: Path) -> None:
    code, shown, told = replay(config, capture(tmp_path / "records", 20), "http://127.0.0.1:1")
    assert (code, shown) == (3, "") and "http://127.0.0.1:1 cannot be reached" in told


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--route", "other"), "found the route other; allowed: cancer"),
        (("--version", "v1"), "allowed: another name, which --version gives"),
        (("--version", "v\r\nx: y"), "--version: found"),
        (("--against", "ftp://h"), "--against: found ftp://h; allowed: http"),
        (("--against", "http://me:secret@h"), "found a URL with credentials"),
        (("--against", "http+dns://h"), "allowed: http(s)://host"),
        (("--against", "grpc+dns://h"), "or grpc(s):// likewise"),
    ],
)
def test_what_cannot_be_done_is_a_mistake_of_usage(
    config: Path, tmp_path: Path, more: tuple[str, ...], says: str
) -> None:
    code, shown, told = replay(config, capture(tmp_path / "records", 2), "http://127.0.0.1:1", *more)
    assert (code, shown) == (2, "") and says in told and "secret" not in told


def test_a_file_that_is_still_written_is_read_as_far_as_it_is_whole(config: Path, tmp_path: Path) -> None:
    captured = capture(tmp_path / "records", 30)
    captured.write_bytes(captured.read_bytes()[:-50])
    with server() as url:
        code, shown, _ = replay(config, captured, url, "--all")
    assert code == 5 and "29 requests judged" in shown and "records is not sealed: it ends in the middle" in shown


def test_a_pass_of_a_file_that_is_still_written_is_asked_for(config: Path, tmp_path: Path) -> None:
    captured = capture(tmp_path / "records", 601)
    captured.write_bytes(captured.read_bytes()[:-50])
    with server() as url:
        code, shown, _ = replay(config, captured, url)
        assert code == 5 and "may have been cut" in " ".join(shown.split())
        assert replay(config, captured, url, "--unsealed")[0] == 0


def test_files_that_cannot_be_read_are_named(config: Path, tmp_path: Path) -> None:
    with server() as url:
        code, _, told = replay(config, tmp_path / "gone", url)
        assert code == 2 and f"{tmp_path / 'gone'}: No such file" in told
        broken = capture(tmp_path / "records", 30)
        broken.write_bytes(broken.read_bytes().replace(b'"exchange":20,', b'"exchange":"x",'))
        code, _, told = replay(config, broken, url)
        assert code == 2 and "line 20" in told
    config.write_text("listen: nowhere")
    assert replay(config, broken, "http://127.0.0.1:1")[0] == 2


def test_neither_a_bug_nor_a_key_is_a_verdict(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captured = capture(tmp_path / "records", 2)

    def fails(error: type[BaseException]) -> Callable[..., None]:
        def fail(*_: object) -> None:
            raise error

        return fail

    for error, says in ((KeyboardInterrupt, "interrupted before"), (ZeroDivisionError, "Traceback")):
        monkeypatch.setattr(command, "CaptureReader", fails(error))
        code, shown, told = replay(config, captured, "http://127.0.0.1:1")
        assert (code, shown) == (2, "") and says in told


def test_a_slow_candidate_fails_beside_a_primary_and_is_not_judged_by_recorded_times(
    config: Path, tmp_path: Path
) -> None:
    def slow(body: bytes) -> bytes:
        time.sleep(0.5)
        return good(body)

    captured = capture(tmp_path / "records", 300)
    with server(slow) as url, server() as primary:
        code, shown, _ = replay(config, captured, url, "--unsealed", "--concurrency", "32")
        assert code == 0 and "latency is not judged" in shown
        code, shown, _ = replay(config, captured, url, "--primary", primary, "--concurrency", "32")
        assert code == 1 and shown.startswith("fail: v2 on cancer: latency_p99 ratio")


def test_a_verdict_is_shown_also_where_its_report_cannot_be_written(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, body: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(files, "put", full)
    with server() as url:
        more = ("--json", str(tmp_path / "report"))
        code, shown, _ = replay(config, capture(tmp_path / "records", 20), url, *more)
    assert code == 2 and shown.startswith("undecided: ")


def test_a_server_by_grpc_is_refused_where_requests_become_no_calls(config: Path, tmp_path: Path) -> None:
    analysis = "protocol: json\n    analysis: {features: /x, prediction: /y}"
    config.write_text(CONFIG.replace("protocol: oip", analysis))
    captured = capture(tmp_path / "records", 2)
    code, _, told = replay(config, captured, "grpc://127.0.0.1:1")
    assert (
        code == 2 and "--against: grpc://127.0.0.1:1 takes calls of gRPC, and requests of route cancer become" in told
    )
    code, _, told = replay(config, captured, "http://127.0.0.1:1", "--primary", "grpc://127.0.0.1:1")
    assert code == 2 and "--primary: grpc://127.0.0.1:1 takes" in told and "its protocol is json" in told


def test_calls_that_a_server_of_http11_cannot_have_are_named(config: Path, tmp_path: Path) -> None:
    captured = capture(tmp_path / "records", 20, request_fields=b"content-type: application/grpc\r\n")
    with server() as url:
        code, shown, _ = replay(config, captured, url)
    assert code == 5 and "20 x it cannot be written for the version: it is a call of gRPC, and the" in shown
    code, _, told = replay(config, captured, "grpc://127.0.0.1:1")
    assert code == 3 and "grpc://127.0.0.1:1 cannot be reached" in told


@pytest.mark.parametrize(
    ("versions", "route", "url", "spoken"),
    [
        ({}, {}, "http://h:1", (1, False)),
        ({}, {}, "grpcs://h:1", (2, True)),
        ({"http": 2}, {}, "http://h:1", (2, False)),
        ({"url": "grpc://h:2"}, {}, "http://h:1", (1, False)),
        ({}, {"protocol": "grpc", "match": {"path": "/"}}, "https://h:1", (2, False)),
        ({}, {"protocol": "auto", "match": {"grpc": "a.B"}}, "grpc://h:1", (2, True)),
    ],
)
def test_a_server_is_asked_by_what_the_route_and_its_address_say(
    versions: dict[str, object], route: dict[str, object], url: str, spoken: tuple[int, bool], tmp_path: Path
) -> None:
    content = yaml.safe_load(CONFIG)
    content["versions"]["v2"] |= versions
    content["routes"]["cancer"] |= route
    place = tmp_path / "c.yaml"
    place.write_text(yaml.safe_dump(content))
    settings = load(place, packages=False)
    version = command._version(settings, settings.routes[0], "v2", url, "--against")
    assert (version.http, version.grpc) == spoken and version.url == url
