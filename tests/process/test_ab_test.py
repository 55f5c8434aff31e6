"""An A/B test on real processes: a bad arm leaves, nobody else moves, and labels make the better arm primary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

from tests.support.running import PATIENCE, Running, eventually
from tests.support.upstream import Upstream

USERS = [f"user-{number}" for number in range(150)]


def config(path: Path, *versions: Upstream) -> Path:
    listed = ", ".join(f"{each.name}: {{url: {each.url}}}" for each in versions)
    judged = "promote_winner: true, scorecard: {accuracy: {max_drop: 0.9}}"
    test = f"sticky: 'header:x-user', release: {{strategy: ab-test, arms: {{b: 40, c: 30}}, {judged}}}"
    path.write_text(
        f"listen: 127.0.0.1:0\nadmin: {{listen: 127.0.0.1:0}}\nstate: {path.with_suffix('.db')}\n"
        f"versions: {{{listed}}}\nroutes: {{r: {{match: {{path: /}}, protocol: json, primary: a, {test}}}}}\n"
    )
    return path


class Users:
    """Requests of the users in turn, each with an id of its own."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection, self._sent = connection, 0

    def all(self) -> Iterator[tuple[str, str, str]]:
        """One request of each user: the user, the request's id, and the version that was assigned."""
        for user in USERS:
            self._sent += 1
            sent = {"Content-Type": "application/json", "x-user": user, "x-request-id": f"q{self._sent}"}
            self._connection.request("POST", "/predict", b"{}", sent)
            answer = self._connection.getresponse()
            answer.read()
            assert answer.status == 200, "what an arm fails is rescued"
            yield user, f"q{self._sent}", answer.getheader("x-penumbra-version", "")


def test_a_bad_arm_leaves_and_labels_make_the_better_one_primary(tmp_path: Path, a: Upstream, b: Upstream) -> None:
    a.body, b.body = b"[0]", b"[1]"
    with Upstream("c") as c, ExitStack() as stack:
        c.body = b"[1]"
        running = stack.enter_context(Running(config(tmp_path / "penumbra.yaml", a, b, c)))
        host, _, port = running.data.rpartition(":")
        connection = stack.enter_context(closing(HTTPConnection(host, int(port), timeout=PATIENCE)))
        users = Users(connection)
        arms = {user: version for user, _, version in users.all()}
        assert set(arms.values()) == {"a", "b", "c"}
        c.status = 503

        def left() -> bool:
            list(users.all())
            return bool(running.route()["release"]["left"] == ["c"])

        eventually(left, "the departure of c")
        route = running.route()
        assert (route["phase"], route["rolled_back"], route["candidates"]) == ("ramping", ["c"], ["b"])
        assert route["split"] == {"a": 60.0, "b": 40.0}
        c.status = 200
        after = {user: version for user, _, version in users.all()}
        assert after == {user: "a" if version == "c" else version for user, version in arms.items()}

        def promoted() -> bool:
            given = [{"request_id": request, "label": 1} for _, request, _ in users.all()]
            assert running.ask("POST", "/v1/feedback", given).status == 200
            return bool(running.route()["phase"] == "promoted")

        eventually(promoted, "the promote")
        route, entries = running.route(), running.ask("GET", "/v1/audit").json()["entries"]
        assert route["primary"] == "b" and "b has proved itself: accuracy gain 1 > min_gain 0" in route["reason"]
        assert [entry["action"] for entry in reversed(entries)] == ["start", "leave", "promote"]
