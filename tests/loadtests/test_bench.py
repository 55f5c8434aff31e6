"""What fails is named and saved, and keeps nothing else from being measured."""

from pathlib import Path

import pytest

from loadtests import bench as bench_module
from loadtests import results
from loadtests.bench import Effort, tried
from loadtests.busy import MAIN, neighbour
from loadtests.cases import CASES
from loadtests.processes import read_stat
from loadtests.results import Bench


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    return tmp_path


def test_a_piece_that_fails_is_named_and_what_there_is_is_saved(folder: Path) -> None:
    bench = Bench()

    def fails() -> None:
        raise OSError("no more ports\nand the log of a process")

    tried(bench, "a case", fails)
    assert results.load(folder / "bench.json").failed == {"a case": "OSError: no more ports"}
    tried(bench, "a case", lambda: None)
    assert not results.load(folder / "bench.json").failed


def test_a_case_that_fails_keeps_no_other_from_being_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    def run_case(case: object, *_: object) -> object:
        ran.append(case)
        raise RuntimeError("no")

    monkeypatch.setattr(bench_module, "run_case", run_case)
    bench = Bench()
    bench_module.PARTS["cases"](bench, Effort(1, 1, ["nginx"], ["split", "mirror"], True))
    assert ran == [CASES["split"], CASES["mirror"]]
    assert list(bench.failed) == ["case split", "case mirror"]


def test_stand_ins_are_measured_where_they_show_something() -> None:
    usual = Effort(1, 1, ["penumbra", "naive", "interpreted"], [], False)
    assert usual.of_case("split") == ["penumbra", "naive", "interpreted"]
    assert usual.of_case("body-1m") == usual.real() == ["penumbra"]
    assert Effort(1, 1, ["interpreted"], [], True).of_case("body-1m") == ["interpreted"]


def test_a_neighbour_spins_until_the_end() -> None:
    with neighbour() as pid:
        assert read_stat(pid) is not None
    gone = read_stat(pid)
    assert gone is None
    assert set(MAIN) <= CASES.keys()
