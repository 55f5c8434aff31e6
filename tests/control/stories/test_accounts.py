"""What messages tell of a change: to whom it happened until then, and where its story is."""

from __future__ import annotations

from pathlib import Path

from proxy.contracts.messages import Account
from proxy.contracts.table import Sticky
from proxy.control.state.store import Store
from proxy.control.stories.accounts import Accounts
from proxy.control.stories.archive import Archive
from proxy.control.stories.chronicle import Chronicle
from proxy.release import transitions
from proxy.release.audit import Change
from tests.control.houses import House, canary_release, section, settings
from tests.control.records import SOURCE, leg
from tests.control.stories.test_chronicle import tick

AT = 2000.0


def told(house: House, known: Chronicle, route: str = "cancer") -> Account:
    """The account of the last change."""
    known.follow(house.engine.routes, AT)
    return Accounts(known, house.store).of(house.heard[-1], (route,), AT)


def rolled_back(house: House, who: str = "me") -> None:
    move = lambda state: transitions.rollback(state, (), "no", house.now)  # noqa: E731
    house.engine.command("cancer", "rollback", move, who, "no", house.now)


def chronicle(tmp_path: Path, house: House) -> Chronicle:
    made = Chronicle(Archive(str(tmp_path / "state.db")), lambda route, version: [])
    made.follow(house.engine.routes, 1000.0)
    return made


def released(tmp_path: Path) -> House:
    configured = settings(section(split=(), shadows=(), release=canary_release(), sticky=Sticky("header", "x-user-id")))
    return House(configured, Store(str(tmp_path / "state.db")))


def test_a_rollback_is_told_with_those_it_happened_to_and_its_story(tmp_path: Path) -> None:
    house = released(tmp_path)
    known = chronicle(tmp_path, house)
    known.on_tick(tick(("v1", "primary", 90, 0), ("v2", "canary", 10, 4), rescued=4), 1001.0)
    known.on_records([leg("canary", n, key=n % 3 + 1) for n in range(10)], SOURCE, 1001.0)
    rolled_back(house)
    account = told(house, known)
    assert account.story == "cancer@1"
    assert account.to_whom == ("10 requests of 3 users met v2, 4 went wrong (4 answered by the primary in its place).")
    assert account.touched["cancer"]["live"]["requests"] == 10


def test_of_what_was_not_counted_it_says_so(tmp_path: Path) -> None:
    house = released(tmp_path)
    rolled_back(house)
    bare = Chronicle(Archive(":memory:"), lambda route, version: [])
    account = Accounts(bare, house.store).of(house.heard[-1], ("cancer",), AT)
    assert account == Account("cancer@1", "To whom it happened is not known.", {})


def test_what_has_no_release_has_no_story_and_what_happens_to_nobody_says_nothing(tmp_path: Path) -> None:
    house = House(settings(section()), Store(str(tmp_path / "state.db")))
    known = chronicle(tmp_path, house)
    rolled_back(house)
    assert told(house, known).story == ""
    split = Change("me", "split", "cancer", "x", {"phase": "steady"}, {"phase": "steady"})
    assert Accounts(known, house.store).of(split, ("cancer",), AT) == Account()


def test_a_change_that_begins_a_release_has_no_story_of_the_one_before(tmp_path: Path) -> None:
    house = released(tmp_path)
    known = chronicle(tmp_path, house)
    begun = Change("me", "release", "cancer", "again", {"primary": "v1"}, {
        "phase": "shadowing", "primary": "v1", "release": {"candidate": "v3", "strategy": "canary", "stages": []},
    })  # fmt: skip
    assert Accounts(known, house.store).of(begun, ("cancer",), AT).story == "", "it is not in the audit yet"
    assert Accounts(known, house.store).of(house.heard[0], ("cancer",), AT).story == "cancer@1"


def test_an_audit_that_cannot_be_read_costs_the_link_alone(tmp_path: Path) -> None:
    house = released(tmp_path)
    known = chronicle(tmp_path, house)
    rolled_back(house)
    house.store.close()
    account = told(house, known)
    assert (account.story, account.to_whom) == ("", "Nobody has met v2.")
