"""Messages of a real Penumbra: a real Alertmanager has the alert and ends it, a chat hears of the matter once, and an
API server of Kubernetes takes the event."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import PATIENCE, Running, call, eventually
from tests.support.serving import Handler, Serving
from tests.support.upstream import Upstream

CONFIG = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0, public_url: "https://penumbra.example"}}
state: {folder}/state.db
versions: {{v1: {{url: {a}}}, v2: {{url: {a}}}}}
routes:
  fraud:
    match: {{path: /}}
    protocol: json
    primary: v1
    release: {{candidate: v2, strategy: canary, stages: [{{canary: 5, requests: 1000}}]}}
notify:
  - {{format: alertmanager, url: "http://127.0.0.1:{port}"}}
  - {{format: slack, url: "file:{folder}/slack", severity: warning}}
  - format: kubernetes
    url: {kubernetes}
    token: "file:{folder}/token"
    object: {{name: pod-1, namespace: models, uid: 4f0c}}
"""


class Receiver(Serving):
    """Takes everything; `refuses` is answered first, to each path once. `heard`: paths, fields and documents."""

    def __init__(self, *refuses: int, port: int = 0) -> None:
        super().__init__(_Handler, port)
        self.refuses = list(refuses)
        self.heard: list[tuple[str, dict[str, str], Any]] = []


class _Handler(Handler):
    server: Receiver

    def _answer(self) -> None:
        body = self.body()
        if self.server.refuses:
            self.send_response(self.server.refuses.pop(0))
            self.send_header("Retry-After", "0")
        else:
            self.server.heard.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = _answer  # noqa: N815


@contextmanager
def alertmanager(folder: Path) -> Iterator[int]:
    """A real Alertmanager that tells nobody; its port."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None and os.environ.get("CI"):
        pytest.fail("prometheus-alertmanager is not installed; .ci/system-packages does it")
    if program is None:
        pytest.skip("prometheus-alertmanager is not installed (Debian: prometheus-alertmanager)")
    (folder / "am.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", f"--storage.path={folder}/am"]
    process = subprocess.Popen(
        [program, f"--config.file={folder}/am.yml", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        eventually(lambda: alerts(port) is not None, "an Alertmanager that answers")
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def alerts(port: int) -> list[dict[str, Any]] | None:
    """The alerts that it has and that are not over; None: it does not answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/api/v2/alerts")
        answer = connection.getresponse()
        found: list[dict[str, Any]] = json.loads(answer.read())
        return found if answer.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


def test_a_rollback_is_an_alert_a_chat_and_an_event_and_ends_with_the_next_release(tmp_path: Path) -> None:
    with alertmanager(tmp_path) as port, Upstream("a") as a, Receiver(429) as chat, Receiver() as kubernetes:
        (tmp_path / "slack").write_text(f"{chat.url}/services/s3cret\n")
        (tmp_path / "token").write_text("t0k\n")
        config = tmp_path / "penumbra.yaml"
        config.write_text(CONFIG.format(folder=tmp_path, a=a.url, port=port, kubernetes=kubernetes.url))
        with Running(config) as running:
            reason = {"reason": "<!channel> bad"}
            assert call(running.admin, "POST", "/v1/routes/fraud/rollback", reason).status == 200
            (alert,) = eventually(lambda: alerts(port), "an alert")
            assert alert["labels"]["alertname"] == "PenumbraEventRollback" and alert["labels"]["route"] == "fraud"
            assert alert["annotations"]["runbook_url"] == "https://penumbra.example/runbook#event-rollback"
            assert call(running.admin, "POST", "/v1/routes/fraud/release", {"reason": "mended"}).status == 200
            eventually(lambda: alerts(port) == [], "the end of the alert")
            texts = eventually(lambda: said(chat) if len(chat.heard) >= 2 else None, "two messages to the chat")
            event = eventually(lambda: warnings(kubernetes), "an event of Kubernetes")[0]
            metrics = call(running.admin, "GET", "/metrics").body.decode()
        log = json.dumps(running.log)
    assert texts == ["🟠 fraud: rolled back", "🟢 fraud: rolled back: over"]
    assert "&lt;!channel&gt; bad" in json.dumps(chat.heard[0][2]) and "s3cret" not in metrics + log
    assert re.search(r'penumbra_messages_total\{destination="slack-2",outcome="sent"\} 2', metrics)
    assert event["regarding"]["uid"] == "4f0c" and event["reason"] == "EventRollback"


def test_a_rollback_is_told_once_although_control_dies_with_it_and_the_receiver_is_down(tmp_path: Path) -> None:
    with Upstream("a") as a, Upstream("b") as b, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # nobody listens there yet
        port = int(probe.getsockname()[1])
        config = tmp_path / "penumbra.yaml"
        config.write_text(BROKEN.format(folder=tmp_path, a=a.url, b=b.url, port=port))
        with Running(config) as running:
            a.body, b.status = b'{"predictions": [0.1]}', 503
            until(running, lambda: running.route("fraud")["phase"] == "rolled_back")
            eventually(lambda: waits(tmp_path), "a message that waits on disk")
            running.kill(running.child("control"))
            running.event("control is up", 2)
            probe.close()
            with Receiver(port=port) as chat:
                eventually(lambda: chat.heard, "the message")
                story = eventually(lambda: whole(running), "the story")
                running.ask("POST", "/v1/routes/fraud/release", {"reason": "mended"})
                # What comes in order comes after all that was said before.
                eventually(
                    lambda: [e for e in told(chat) if e["event"] == "start" and e["release"] != story["id"]], "it"
                )
                messages = [each for each in told(chat) if each["matter"] == "release/fraud/rolled-back"]
    first, *others = (each for each in messages if each["state"] == "firing")
    assert not others and first["event"] == "rollback" and first["release"] == story["id"]
    page = f"https://penumbra.example/#/routes/fraud/releases/{story['id'].replace('@', '%40')}"
    assert first["links"]["page"] == page
    assert f"{first['touched']['fraud']['live']['requests']} requests met v2" in first["to_whom"]
    live = story["touched"]["live"]["requests"]  # counts of the last moment may have died with control
    assert len(b.seen) >= live >= first["touched"]["fraud"]["live"]["requests"] > 0
    assert story["touched"]["rescued"] == live, "the primary answered each of them"


BROKEN = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0, public_url: "https://penumbra.example"}}
state: {folder}/state.db
versions: {{v1: {{url: {a}}}, v2: {{url: {b}}}}}
routes:
  fraud:
    match: {{path: /}}
    protocol: json
    primary: v1
    release:
      candidate: v2
      strategy: canary
      stages: [{{canary: 50, requests: 100000}}]
      scorecard: {{error_rate: {{max_ratio: 1.5}}}}
notify: [{{url: "http://127.0.0.1:{port}/hook", name: ops}}]
"""


def until(running: Running, over: Callable[[], bool]) -> None:
    """Asks until something has happened."""
    for _ in range(2000):
        assert call(running.data, "POST", "/predict", {"instances": [1]}).status == 200
        if over():
            return
    raise AssertionError("nothing happens")


def waits(folder: Path) -> bool:
    """Whether the rollback waits in the file that outlives control."""
    try:
        kept = json.loads((folder / "state.db.messages").read_bytes())
    except FileNotFoundError:
        return False
    return any(each["event"] == "rollback" for each in kept.get("waiting", {}).get("ops", ()))


def whole(running: Running) -> Any:
    """The story of the release, once every leg has arrived; the history goes on beside it."""
    (release,) = running.ask("GET", "/v1/routes/fraud/releases").json()["releases"]
    story = running.ask("GET", f"/v1/routes/fraud/releases/{release['id']}").json()
    assert running.ask("GET", "/v1/routes/fraud/history").json()["series"]
    touched = story["touched"]
    return story if touched and touched["rescued"] == touched["live"]["requests"] > 0 else None


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [document for _, _, document in list(receiver.heard)]


def said(chat: Receiver) -> list[str]:
    """The headers of the messages so far."""
    return [document["blocks"][0]["text"]["text"] for _, _, document in chat.heard]


def warnings(kubernetes: Receiver) -> list[dict[str, Any]]:
    """The events of type Warning, each asked for where and as whom it should."""
    found = []
    for path, fields, event in kubernetes.heard:
        assert (path, fields["Authorization"]) == ("/apis/events.k8s.io/v1/namespaces/models/events", "Bearer t0k")
        if event["type"] == "Warning":
            found.append(event)
    return found
