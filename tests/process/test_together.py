"""One release over three routes on real processes: a user meets matching versions, and a candidate that breaks on one
route takes all of them back at once, unseen by clients."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.support.running import Running, call, eventually
from tests.support.upstream import Upstream

ROUTES = ("features", "predict", "explain")
OLD, NEW = ("features-1", "predict-1", "explain-1"), ("features-2", "predict-2", "explain-2")
USERS = 40


def configuration(folder: Path, old: Upstream, new: Upstream, model: Upstream) -> Path:
    urls = dict.fromkeys(OLD, old.url) | dict.fromkeys(NEW, new.url) | {"predict-2": model.url}
    path = folder / "penumbra.yaml"
    versions = ", ".join(f"{name}: {{url: {url}}}" for name, url in urls.items())
    routes = ", ".join(f"{r}: {{match: {{path: /{r}}}, protocol: json, primary: {r}-1}}" for r in ROUTES)
    members = ", ".join(f"{r}: {{candidate: {r}-2}}" for r in ROUTES)
    path.write_text(
        f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {folder / 'state.db'}\n"
        f"versions: {{{versions}}}\nroutes: {{{routes}}}\nreleases: {{fraud-2: {{routes: {{{members}}}, "
        "strategy: canary, sticky: 'header:x-user-id', stages: [{canary: 50, requests: 1000000}], false_alarm: 0.01}}\n"
    )
    return path


def journey(running: Running, user: int) -> tuple[tuple[int, str], ...]:
    """What a user meets on each route: status and version."""
    fields = {"x-user-id": f"u{user}"}
    answers = (call(running.data, "POST", f"/{route}", {}, fields) for route in ROUTES)
    return tuple((answer.status, answer.version) for answer in answers)


def release(running: Running) -> Any:
    return running.ask("GET", "/v1/releases/fraud-2").json()


def test_what_belongs_together_goes_together(tmp_path: Path) -> None:
    with ExitStack() as stack:
        old, new, model = (stack.enter_context(Upstream(name)) for name in ("old", "new", "model"))
        old.body = new.body = model.body = b"[1.0]"
        running = stack.enter_context(Running(configuration(tmp_path, old, new, model)))
        met = {tuple(version for _, version in journey(running, user)) for user in range(USERS)}
        assert met == {OLD, NEW}
        before = running.ask("GET", "/v1/routes").json()["revision"]
        model.status = 503
        over = threading.Event()
        failures: list[int] = []

        def clients() -> None:
            user = 0
            while not over.is_set():
                failures.extend(status for status, _ in journey(running, user % USERS) if status != 200)
                user += 1

        threads = [threading.Thread(target=clients) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: release(running)["phase"] == "rolled_back", "the rollback")
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert not failures, "503 of a candidate is rescued"
        shown = release(running)
        assert [route["split"] for route in shown["routes"]] == [{name: 100.0} for name in OLD]
        assert "predict: error_rate" in shown["reason"]
        entries = running.ask("GET", "/v1/audit").json()["entries"]
        assert [(entry["action"], entry["route"]) for entry in entries] == [
            ("rollback", "fraud-2"),
            ("start", "fraud-2"),
        ]
        assert {"features", *entries[0]["beside"]} == set(ROUTES)
        assert running.ask("GET", "/v1/routes").json()["revision"] == before + 1
        assert {tuple(version for _, version in journey(running, user)) for user in range(4)} == {OLD}
