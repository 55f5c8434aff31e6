"""What is saved can be read again; goals, figures and charts come from it and say what is missing."""

from pathlib import Path

import msgspec
import pytest

from loadtests import figures, results
from loadtests.analysis import ONE_RECORD
from loadtests.cases import CASES
from loadtests.charts import draw
from loadtests.goals import GOALS, beside_a_neighbour, measured, missing, noise, verdict
from loadtests.results import Bench, CaseResult, Crowd, Delays, Load, Sample, Spread
from loadtests.shadows import CALLS, CANARIES, KEPT
from loadtests.starts import BACK, CLIENTS, FIRST

MIB = 1024 * 1024


def sample(p50: float = 100.0, p99: float = 200.0, errors: int = 0, **cpu: float) -> Sample:
    return Sample(cpu, Load(1000, 1.0, 0, 0, 0, 0, errors, 0, p50, p50, p99, p99, p50, p99))


def case(ours: float, envoy: float, nginx: float) -> CaseResult:
    samples = {
        "penumbra": [sample(worker=ours, control=1.0)],
        "envoy": [sample(envoy=envoy)],
        "nginx": [sample(nginx=nginx)],
        "interpreted": [sample(worker=ours + 7.0, control=1.0)],
    }
    return CaseResult(samples, {"penumbra": {"worker": 30 * MIB, "control": 60 * MIB}}, {"requests": 1000.0})


@pytest.fixture
def bench() -> Bench:
    shadows = {
        "no shadow": [sample()],
        "hung": [sample(p99=250.0)],
        "dead": [sample(p99=210.0)],
        "black hole": [sample()],
        "garbage": [sample()],
        "unresolvable": [sample()],
        "slowly resolving": [sample()],
        "eats descriptors": [sample()],
    }
    return Bench(
        facts={
            "when": "2026-01-02T03:04:05",
            "cores": 2,
            "cpu": "test",
            "kernel": "6",
            "python": "3",
            "nginx": "n",
            "envoy": "e",
        },
        cases={
            "split": case(29.0, 40.0, 12.0),
            "statistics": case(35.0, 60.0, 72.0),
            "single": case(30.0, 40.0, 20.0),
            "unique": case(40.0, 60.0, 72.0),
            "paced": case(50.0, 99.0, 99.0),
            **{name: case(30.0, 40.0, 40.0) for name in ("mirror", "whole", "body-64k", "body-1m", "events")},
            "tls-split": case(50.0, 70.0, 60.0),
            "tls-statistics": case(60.0, 110.0, 120.0),
            "tls-reconnect": case(900.0, 1600.0, 900.0),
            **{name: case(30.0, 40.0, 40.0) for name in CASES if name.startswith("grpc-")},
        },
        shadows={"penumbra": shadows, CANARIES: shadows.copy(), KEPT: shadows.copy(), CALLS: shadows.copy()},
        streaming={
            "direct": [Delays(100.0, 1.0, 9)],
            "nginx": [Delays(150.0, 1.0, 9)],
            "penumbra": [Delays(160.0, 1.0, 9)],
        },
        analysis={ONE_RECORD: Spread(5.0, 4.0, 6.0)},
        starts={FIRST: Spread(0.6, 0.5, 0.9), BACK: Spread(0.31, 0.3, 0.4), CLIENTS: Spread(38.0, 38.0, 38.0)},
        crowd={"penumbra": Crowd(1000, 1, 2, Delays(100.0, 900.0, 9), 70 * MIB, 90 * MIB)},
        growth={
            "routes": {"1": [sample(worker=20.0)], "1000": [sample(worker=21.0)]},
            "versions": {"2": [sample(worker=20.0)], "20": [sample(worker=24.0)]},
            "connections": {"1": [sample(worker=20.0)], "10000": [sample(worker=20.0)]},
            "features": {"30": [sample(worker=1.0, control=3.0)], "3000": [sample(worker=9.0, control=150.0)]},
        },
    )


def test_every_goal_is_measured_by_a_whole_benchmark(bench: Bench) -> None:
    found = {goal.what: (value.median, verdict(goal, value)) for goal, value in measured(bench)}
    assert len(found) == len(GOALS)
    assert found["CPU: split, mirror and all statistics, against Envoy's mirror"] == (0.6, "missed")
    assert found["CPU: split, mirror and all statistics, against nginx's mirror"] == (0.5, "reached")
    assert found["CPU: split only, against nginx"] == (2.5, "missed")
    assert found["p99 with a hung shadow, against none"] == (1.25, "missed")
    assert found["p99 with a dead shadow, against none"] == (1.05, "reached")
    assert found["added delay of a chunk of server-sent events, against nginx"] == (1.2, "missed")
    assert found["1,000 streams at once: those that broke or stalled"] == (3.0, "missed")
    assert found["growth of CPU per request: routes 1 to 1,000"] == (1.05, "reached")
    assert found["growth of CPU per request: versions 2 to 20"] == (1.2, "missed")
    assert found["growth of control's CPU per feature: features 30 to 3,000"] == (0.5, "reached")
    assert [found[what] for what in (FIRST, BACK)] == [(0.6, "reached"), (0.31, "missed")]
    assert found["memory of 10,000 idle clients, beside that"] == (38.0, "reached")
    assert found["memory of all processes (PSS), all statistics"] == (90.0, "reached")
    assert found["memory of all processes (PSS), no body analysed"] == (90.0, "missed")


def test_a_goal_without_data_is_not_claimed(bench: Bench) -> None:
    del bench.cases["statistics"].samples["envoy"]
    bench.streaming.clear()
    named = [goal.what for goal, _ in measured(bench)]
    assert len(named) == len(GOALS) - 2
    assert [goal.what for goal in missing(bench)] == [goal.what for goal in GOALS if goal.what not in named]
    assert not any("delay of a chunk" in what or "all statistics, against Envoy" in what for what in named)


def test_a_figure_beside_a_busy_neighbour_stands_beside_the_quiet_one(bench: Bench) -> None:
    goal = next(goal for goal in GOALS if goal.what == "CPU: split only, against Envoy")
    assert beside_a_neighbour(goal, bench) is None
    bench.busy["split"] = case(19.0, 40.0, 12.0)
    assert beside_a_neighbour(goal, bench) == Spread(0.5, 0.5, 0.5)
    assert "| CPU: split only, against Envoy | ≤ 0.40 x | 0.75 x |  | 0.50 x () | missed |" in figures.full(bench, [])
    assert "spins on one core" in figures.full(bench, [])


def test_what_failed_is_published_as_failed(bench: Bench) -> None:
    bench.failed["case tls-split"] = "OSError: no"
    assert "Not measured, because it failed: case tls-split (OSError: no)." in figures.full(bench, [])


def test_one_client_error_misses_the_goal(bench: Bench) -> None:
    bench.shadows["penumbra"]["dead"] = [sample(errors=1)]
    found = {goal.what: (value.high, value.median) for goal, value in measured(bench)}
    assert found["client errors with misbehaving shadows"] == (1.0, 1.0)


def test_what_is_saved_is_read_again(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    path = results.save(bench, "bench")
    again = results.load(path)
    assert again == bench
    assert again.facts["python"].__str__().count(".") == 2
    path.write_text('{"cases": 3}')
    with pytest.raises(msgspec.ValidationError):
        results.load(path)


def test_figures_come_from_the_benchmark(bench: Bench) -> None:
    text = figures.full(bench, ["cost.svg"])
    assert "| CPU: split only, against nginx | ≤ 1.10 x | 2.50 x |  | missed |" in text
    assert "| 10 % split | penumbra | 30.0 (worker 29.0, control 1.0) | 30.0-30.0 | 1.00 x | 1,000 |  | 90 |" in text
    assert "| penumbra | hung | 100 | 250 | 1.25 x | 1,000 | 0 |" in text
    assert "| penumbra | 160 | 60 |  |" in text
    assert "| penumbra | 1,000 | 1 | 2 | 100 | 900 | 20.0 |" in text
    assert "|  | 1,000 | 21.0 (worker 21.0) | 21.0-21.0 |" in text
    assert "![cost](cost.svg)" in text
    assert "statistics cost 0.72 x Envoy's mirror and 0.60 x nginx's." in text


def test_the_readme_has_goals_and_a_chart(bench: Bench) -> None:
    text = figures.short(bench, "some/place")
    assert "| CPU: split only, against nginx | ≤ 1.10 x | 2.50 x |  | missed |" in text
    assert "(some/place/cost.svg)" in text
    assert len(text) < 9000


def test_the_published_page_is_that_of_the_published_run() -> None:
    if figures.BENCH.exists():
        charts = [path.name for path in results.PUBLISHED.glob("*.svg")]
        page = figures.PAGE.read_text()
        assert all(chart in page for chart in charts)
        in_order = sorted(charts, key=page.index)
        assert page == figures.full(results.load(figures.BENCH), in_order)


def test_figures_replace_what_stands_between_the_markers() -> None:
    text = f"before {figures.BEGIN} old {figures.END} after"
    once = figures.inserted(text, "new")
    assert once == f"before {figures.BEGIN}\n\nnew\n\n{figures.END} after"
    assert figures.inserted(once, "new") == once


@pytest.mark.parametrize("text", ["nothing", figures.BEGIN, f"{figures.END} {figures.BEGIN}"])
def test_no_place_for_figures(text: str) -> None:
    with pytest.raises(figures.NoMarkers):
        figures.inserted(text, "new")


def test_the_page_of_costs_shows_the_published_figures() -> None:
    page = Path(figures.__file__).parent.parent / "docs" / "cost.md"
    assert page.read_text() == figures.expected(page)


def test_charts_are_the_same_for_the_same_figures(bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, again = draw(bench, tmp_path / "a"), draw(bench, tmp_path / "b")
    assert [path.name for path in first] == ["cost.svg", *(f"growth-{name}.svg" for name in bench.growth)]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert b"routes in the table" in first[1].read_bytes()


def test_noise_is_the_lowest_and_the_highest_round() -> None:
    assert noise(Spread(0.5, 0.456, 0.6), "x") == "0.46-0.60"
    assert noise(Spread(9.0, 8.0, 10.0), "us") == "8.0-10.0"
    assert noise(Spread(1.0, 1.0, 1.0), "x") == ""
