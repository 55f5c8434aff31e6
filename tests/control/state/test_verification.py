"""Verification: whatever is cut, edited or missing in state file, audit or anchor is a fault with a sentence."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from proxy.control.state.state_file import StoreError
from proxy.control.state.store import Store
from proxy.control.state.verification import Verified, verified
from tests.control.houses import House
from tests.control.state.damage import CONFIGURED, made, sql


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("state") / "p.db"
    made(path)
    with closing(Store(str(path), write=False)) as store:
        lines = [f'{{"count":{n},"hash":"{link.hash}","at":1.7e9}}\n' for n, link in enumerate(store.chain(), 1)]
    path.with_suffix(".anchor").write_text("".join(lines))
    return path


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> Path:
    shutil.copy(whole, tmp_path / "p.db")
    shutil.copy(whole.with_suffix(".anchor"), tmp_path / "p.anchor")
    return tmp_path / "p.db"


def found(path: Path, anchor: bool = True) -> Verified:
    with closing(Store(str(path), write=False)) as store:
        return verified(store, str(path.with_suffix(".anchor")) if anchor else "")


def test_a_whole_file_holds_and_says_since_when_its_anchor_does(copied: Path) -> None:
    answer = found(copied)
    assert answer.fault == ""
    assert "the anchor holds since entry 1 (2023-11-14T" in answer.sentence
    assert "no anchor" in found(copied, anchor=False).sentence


CUT = (
    "DELETE FROM audit WHERE seq = 6",
    "UPDATE head SET count = 5, hash = (SELECT hash FROM audit WHERE seq = 5)",
)


def test_a_tail_that_was_cut_with_its_head_is_found(copied: Path) -> None:
    sql(copied, *CUT)
    assert "the anchor knows 6 entries, the chain has 5" in found(copied).fault
    assert "not the one that the chain ends with" in found(copied, anchor=False).fault


def test_a_live_state_that_was_edited_added_or_removed_is_found(copied: Path) -> None:
    sql(copied, "UPDATE states SET body = replace(CAST(body AS TEXT), '25.0', '95.0') WHERE route = 'by-hand'")
    assert "by-hand is not the one that the chain ends with" in found(copied).fault
    sql(copied, "DELETE FROM states WHERE route = 'by-hand'")
    assert found(copied).fault == "the live state of by-hand is missing"
    sql(copied, "UPDATE states SET body = 7 WHERE route = 'released'")
    assert "'released' cannot be read" in found(copied).fault


def test_another_chain_than_the_anchor_knows_is_found(copied: Path) -> None:
    anchor = copied.with_suffix(".anchor")
    anchor.write_text(anchor.read_text() + '{"count":6,"hash":"' + "f" * 64 + '","at":1.7e9}\n')
    assert "is not as the anchor knows it" in found(copied).fault
    anchor.write_text(anchor.read_text() + "garbage\n")
    assert "last line of the anchor cannot be read" in found(copied).fault


def test_an_anchor_of_an_earlier_chain_is_a_fault_and_says_since_when_it_holds(copied: Path) -> None:
    anchor = copied.with_suffix(".anchor")
    lines = anchor.read_text().splitlines(keepends=True)
    anchor.write_text('{"count":9,"hash":"x","at":1.6e9}\n' + "".join(lines[3:]))
    assert "entry 9" in found(copied).fault
    assert "holds since entry 4" in found(copied).fault
    anchor.write_text("torn\n" + "".join(lines[3:]))
    assert "holds since entry 4 (2023-11-14T22:13:20+00:00); 1 lines of it cannot be read" in found(copied).sentence


def test_an_anchor_that_the_configuration_names_has_to_be_there(copied: Path) -> None:
    anchor = copied.with_suffix(".anchor")
    for remove in (anchor.unlink, anchor.touch):
        remove()
        with closing(Store(str(copied), write=False)) as store:
            assert "is not there, or empty" in verified(store, str(anchor), named=True).fault
            assert verified(store, str(anchor)).fault == "", "without a name there may be none"
    with closing(Store(":memory:")) as store:
        assert verified(store, str(anchor), named=True).fault == "", "nothing was changed yet"


def test_an_anchor_that_is_there_and_cannot_be_read_is_no_missing_one(copied: Path) -> None:
    anchor = copied.with_suffix(".anchor")
    anchor.unlink()
    anchor.mkdir()
    with pytest.raises(StoreError, match=r"the anchor .* cannot be read: a directory"):
        found(copied)


def test_a_head_that_cannot_be_read_is_said(copied: Path) -> None:
    sql(copied, "UPDATE head SET hash = NULL")
    assert found(copied).fault == "the head of the chain cannot be read"


def test_it_works_beside_a_running_control(copied: Path) -> None:
    house = House(CONFIGURED, Store(str(copied)))
    house.engine.keeper.snapshots.keep(house.engine.routes, house.board, house.now + 9)
    assert found(copied).fault == ""
    house.store.close()


def test_an_anchor_that_ends_before_the_chain_says_where(copied: Path) -> None:
    anchor = copied.with_suffix(".anchor")
    anchor.write_text("".join(anchor.read_text().splitlines(keepends=True)[:4]))
    assert "up to entry 4 of 6" in found(copied).sentence
