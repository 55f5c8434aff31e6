"""A change from the command line: what is asked for, in order; what a person is told and asked; what a script sees."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
import typer
from click.exceptions import Abort

from proxy.cli import acting, client
from proxy.cli.access import Access
from proxy.cli.acting import Wish, change, in_force_in_words, until_in_force
from proxy.cli.exit_codes import EXIT_NO, EXIT_NOT_IN_FORCE

HALF = {"table": 7, "workers": [1, 2], "sidecars": None, "everywhere": False, "seconds": None}
WHOLE = HALF | {"workers": [2, 2], "everywhere": True, "seconds": 0.41}
ROUTE = {"route": "r", "phase": "steady", "primary": "v1", "split": {"v1": 100.0}, "shadows": {}, "in_force": HALF}
EFFECT = {"sentence": "12 % of the users of r go from v2 back to v1", "etag": '"e"'}
REFUSED = {"type": "/problems/refused", "title": "Not possible now", "detail": "nothing to do"}


class Api:
    """Answers by method and the end of a path."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.effect: tuple[int, Any] = (200, EFFECT)
        self.routes = iter([ROUTE, ROUTE | {"in_force": WHOLE}])

    async def __call__(self, url: str, access: Access, context: object, method: str, body: object) -> tuple[int, Any]:
        what = url.partition("/v1/")[2].partition("?")[0]
        self.calls.append((method, what, access.if_match))
        if what.endswith("/effect"):
            return self.effect
        if method == "GET":
            return 200, next(self.routes)
        return 200, ROUTE


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()
    monkeypatch.setattr(client, "_ask", made)
    return made


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Somebody at a terminal: what is answered, one after the other."""
    answers: list[bool] = []
    monkeypatch.setattr(acting, "at_a_terminal", lambda: True)

    def confirm(question: str, default: bool, abort: bool, err: bool) -> None:
        if not (answers.pop(0) if answers else default):
            raise Abort

    monkeypatch.setattr(typer, "confirm", confirm)
    return answers


def act(action: str = "pause", wish: Wish | None = None) -> None:
    change(Access("h:1"), action, "r", {"reason": "why"}, wish or Wish())


def test_a_script_is_asked_nothing_and_told_nothing_more(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    act()
    assert api.calls == [("POST", "routes/r/pause", "")]
    assert capsys.readouterr().err == ""


def test_a_person_hears_the_effect_and_the_change_is_of_that_picture(
    api: Api, person: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    person.append(True)
    act()
    assert api.calls[:2] == [("GET", "routes/r/effect", ""), ("POST", "routes/r/pause", '"e"')]
    said = capsys.readouterr().err
    assert said.startswith(f"{EFFECT['sentence']}.\n")
    assert said.endswith("in force on 2 of 2 workers, 410 ms\n")


def test_who_says_no_has_changed_nothing(api: Api, person: list[bool]) -> None:
    with pytest.raises(Abort):
        act()
    assert api.calls == [("GET", "routes/r/effect", "")]


def test_yes_is_an_answer_before_the_question(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    act(wish=Wish(yes=True))
    assert [call[1] for call in api.calls] == ["routes/r/effect", "routes/r/pause"]
    assert capsys.readouterr().err == f"{EFFECT['sentence']}.\n"


def test_a_rollback_is_one_key_and_goes_on_whatever_becomes_of_its_effect(
    api: Api, person: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    for effect in ((200, EFFECT), (409, REFUSED), (500, None), (404, {"type": "/problems/not-found"})):
        api.effect, api.calls, api.routes = effect, [], iter([ROUTE | {"in_force": WHOLE}])
        act("rollback")
        assert ("POST", "routes/r/rollback", "") in api.calls
    assert "what it does cannot be said beforehand: nothing to do" in capsys.readouterr().err


def test_what_would_be_refused_is_refused_before_it_is_asked_for(
    api: Api, person: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    api.effect = (409, REFUSED)
    with pytest.raises(typer.Exit) as ended:
        act()
    assert ended.value.exit_code == EXIT_NO
    assert {call[0] for call in api.calls} == {"GET"}
    assert "Not possible now: nothing to do" in capsys.readouterr().err


def test_an_older_control_does_as_it_is_told(api: Api) -> None:
    api.effect = (404, {"type": "/problems/not-found", "detail": "Not Found"})
    act(wish=Wish(yes=True))
    assert api.calls[-1] == ("POST", "routes/r/pause", "")


def test_whoever_waits_learns_by_the_exit_code(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    act(wish=Wish(wait=30.0))
    assert capsys.readouterr().err == "in force on 2 of 2 workers, 410 ms\n"
    with pytest.raises(typer.Exit) as ended:
        act(wish=Wish(wait=0.0))
    assert ended.value.exit_code == EXIT_NOT_IN_FORCE
    assert capsys.readouterr().err == "not in force everywhere yet: on 1 of 2 workers\n"


def test_it_is_looked_at_until_it_is_everywhere_or_the_time_is_over() -> None:
    clock = count(0.0, 0.5)
    seen = iter([None, WHOLE | {"table": 6}, HALF, WHOLE])
    assert until_in_force(lambda: next(seen), HALF, 10.0, lambda: next(clock), lambda seconds: None) == WHOLE
    assert until_in_force(lambda: None, HALF, 2.0, lambda: next(clock), lambda seconds: None) == HALF
    assert until_in_force(lambda: WHOLE, None, 2.0, lambda: next(clock), lambda seconds: None) is None
    assert until_in_force(pytest.fail, WHOLE, 2.0, lambda: next(clock), lambda seconds: None) == WHOLE


@pytest.mark.parametrize("told", [None, {}, {"at": 1, "of": 3}])
def test_what_an_older_control_says_is_not_known(told: Any) -> None:
    assert in_force_in_words(told) == "where it is in force is not known"
