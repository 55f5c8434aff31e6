"""Metrics for Prometheus: collectors that render the board's counts and the engine's facts at the time of a scrape.

Nothing is counted twice: the board's numbers are monotone since control's start, so they are counters as they stand.
Labels are bounded by the configuration (routes, versions) and by fixed tables (roles, codes, reasons).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct, field
from prometheus_client.core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from proxy import __version__
from proxy.contracts.build import build
from proxy.contracts.release import PHASES
from proxy.control.capture.writer import CaptureWriter
from proxy.control.engine import Engine
from proxy.control.notify import Notifier
from proxy.control.route_control import live_split
from proxy.control.telemetry.capture_metrics import CaptureCollector
from proxy.control.telemetry.endpoints import EndpointCollector
from proxy.control.telemetry.forms import CONNECTS, DURATIONS, LAGS, OVERHEADS, counter, floats, gauge, histogram
from proxy.control.telemetry.journal import Journal
from proxy.control.telemetry.judges import JudgeCollector
from proxy.control.telemetry.message_metrics import MessageCollector
from proxy.control.telemetry.second_tries import second_tries
from proxy.control.telemetry.tokens import of_tokens
from proxy.link.server import WorkerStatus
from proxy.stats.board import Board
from proxy.stats.counts.judge_calls import JudgeCalls
from proxy.stats.counts.latency_window import Histogram
from proxy.stats.drift.figures import Drift
from proxy.stats.quality.scores import QUALITY_METRICS

VERDICT_VALUES = {"pass": 1.0, "undecided": 0.0, "fail": -1.0}

Restarts = Mapping[tuple[str, str], int]
"""Kind of process and reason to how often one was started again."""

MAX_SHOWN_FEATURES = 50
"""Features of a route that are shown: a body may have thousands, Prometheus should not."""

MAX_FEATURE_SERIES = 1000
"""Features of all routes together that are shown; with more than twenty routes, each shows its part of them."""


class BoardCollector(Collector):
    """Traffic: what the workers counted."""

    def __init__(self, board: Board, now: Callable[[], float], lag: Histogram | None = None) -> None:
        self._board, self._now, self._lag = board, now, lag or Histogram()

    def collect(self) -> Iterator[Metric]:
        yield from self._legs()
        yield from self._shadows()
        yield from self._bodies()
        yield from self._losses()

    def _legs(self) -> Iterator[Metric]:
        counters = self._board.counters
        arm = ("route", "version", "role")
        codes = [((*key, code), float(n)) for key, counts in counters.arms.items() for code, n in counts.codes.items()]
        yield counter("penumbra_requests", "Finished legs by status code or failure.", (*arm, "code"), codes)
        outcomes = [
            ((*key, name), float(n)) for key, counts in counters.arms.items() for name, n in counts.outcomes.items()
        ]
        text = "Finished legs by outcome, as far as heads and connections tell."
        yield counter("penumbra_outcomes", text, (*arm, "outcome"), outcomes)
        totals = [(key, counts.total) for key, counts in counters.arms.items()]
        text = "Seconds from a leg's having its request to the last byte of its answer."
        yield histogram("penumbra_request_duration_seconds", text, arm, totals, DURATIONS)
        firsts = [(key, counts.first_byte) for key, counts in counters.arms.items()]
        text = "Seconds from a leg's having its request to the first byte of its answer."
        yield histogram("penumbra_first_byte_seconds", text, arm, firsts, DURATIONS)
        connects = [(key, counts.connect) for key, counts in counters.arms.items()]
        text = "Seconds until a new connection for a leg was open; legs on pooled connections are not in it."
        yield histogram("penumbra_connect_seconds", text, arm, connects, CONNECTS)
        overhead = [((route,), counts) for route, counts in counters.overhead.items()]
        text = "Seconds that the proxy itself adds to an exchange."
        yield histogram("penumbra_overhead_seconds", text, ("route",), overhead, OVERHEADS)
        lags = [((str(worker),), counts) for worker, counts in counters.lag.items()]
        lags.append((("control",), self._lag))
        text = "Seconds by which the event loop of a worker, or of control, was late; above 0.05 it stood still."
        yield histogram("penumbra_loop_lag_seconds", text, ("worker",), lags, LAGS)
        legs, streams = counters.inflight(self._now()), counters.streams()
        yield gauge("penumbra_inflight_requests", "Legs in flight.", arm, floats(legs.items()))
        text = "Streams open, those on versions that were rolled back among them: legs of unknown length under way."
        yield gauge("penumbra_open_streams", text, arm, floats(streams.items()))
        yield from second_tries(counters)
        rows: list[tuple[tuple[str, ...], float]] = floats(counters.rejected.items())
        yield counter("penumbra_rejected", "Requests that never got a leg.", ("route", "reason"), rows)
        text, rows = "Messages that cannot be read, by the rule that they broke.", floats(counters.malformed.items())
        yield counter("penumbra_malformed", text, ("route", "version", "rule"), rows)
        text, rows = "Messages that could not be rewritten for a version.", floats(counters.not_rewritten.items())
        yield counter("penumbra_not_rewritten", text, ("route", "version", "message", "reason"), rows)
        text = "Requests whose sticky key, or (without a route) model, could not be read."
        yield counter("penumbra_unread_keys", text, ("route", "reason"), floats(counters.unread_keys.items()))

    def _shadows(self) -> Iterator[Metric]:
        board, counters = self._board, self._board.counters
        pair = ("route", "version")
        owed = [(key, float(n)) for key, n in counters.mirrored.items()]
        yield counter("penumbra_shadow_requests", "Copies that shadows should have got.", pair, owed)
        dropped = [(key, float(n)) for key, n in counters.shadow_dropped.items()]
        yield counter("penumbra_shadow_dropped", "Copies that were not sent.", (*pair, "reason"), dropped)
        covered = [(key, cover) for key in counters.mirrored if (cover := counters.coverage(*key)) is not None]
        yield gauge("penumbra_shadow_coverage_ratio", "Copies sent per copy that should have been.", pair, covered)
        tallies = {key: board.agreement(*key) for key in counters.mirrored}
        ratios = [(key, tally.ratio) for key, tally in tallies.items() if tally.ratio is not None]
        yield gauge(
            "penumbra_disagreement_ratio", "Part of the compared answers that differs from the primary's.", pair, ratios
        )
        pairs = [(key, float(tally.pairs)) for key, tally in tallies.items()]
        settled = [(key, float(n)) for key, n in board.pairs.items()]
        text = "Answers of a shadow that were due a comparison: agrees (`sample`: in part), differs or lost, and why."
        yield counter("penumbra_pairs", text, (*pair, "result", "reason"), settled)
        due = [((route,), float(n)) for route, n in board.due.items()]
        text = "Pairs of answers that were due a comparison, noise copies too; copies that were not sent left out."
        yield counter("penumbra_pairs_due", text, ("route",), due)
        waiting = [((route,), float(n)) for route, n in board.waiting.items()]
        yield gauge("penumbra_pairs_waiting", "Due pairs that wait for the copy's answer.", ("route",), waiting)
        yield counter("penumbra_compared", "Answers of a shadow that were compared with the primary's.", pair, pairs)

    def _bodies(self) -> Iterator[Metric]:
        board, arm = self._board, ("route", "version", "role")
        routes = sorted({route for route, _, _ in board.counters.arms})
        rows = {route: board.drift(route) for route in routes}
        most = min(MAX_SHOWN_FEATURES, MAX_FEATURE_SERIES // max(len(routes), 1))
        drifts = [(route, row) for route in routes for row in _most_drifted(rows[route], most)]
        psi = [((route, row.version, row.role, row.side, row.feature), row.psi) for route, row in drifts]
        text = (
            "Population stability index against the reference, corrected for its sampling bias; "
            f"the {MAX_SHOWN_FEATURES} features of each route that are furthest off, {MAX_FEATURE_SERIES} in all."
        )
        yield gauge("penumbra_drift_psi", text, (*arm, "side", "feature"), psi)
        measured = [((route,), float(len(rows[route]))) for route in routes]
        text = "Features that drift is measured of, of all versions; penumbra_drift_psi shows those furthest off."
        yield gauge("penumbra_drift_measured", text, ("route",), measured)
        drifted = [(key, float(row.drifted)) for (key, _), (_, row) in zip(psi, drifts, strict=True)]
        yield gauge(
            "penumbra_drifted",
            "1 while drift is significant and larger than its limit.",
            (*arm, "side", "feature"),
            drifted,
        )
        broken = [((route, *key), float(n)) for route in routes for key, n in board.violations(route).items()]
        yield counter(
            "penumbra_contract_violations", "Rows that break a rule of the data contract.", (*arm, "rule"), broken
        )
        missing = [((route, *key), float(n)) for route in routes for key, n in board.missing(route).items()]
        text = "Values of features that are none: null, no number, infinite, a text for a number, or absent."
        yield counter("penumbra_missing_values", text, (*arm, "side"), missing)
        yield from self._quality()
        yield from of_tokens(board)

    def _quality(self) -> Iterator[Metric]:
        board, arm = self._board, ("route", "version", "role")
        scores = [
            ((*key, name), score.averaging(name), value)
            for key, score in board.scores.items()
            for name in QUALITY_METRICS
            if (value := score.get(name)) is not None
        ]
        text = "Accuracy and other scores of predictions that met a label."
        yield gauge("penumbra_quality", text, (*arm, "metric"), [(key, value) for key, _, value in scores])
        text = "What f1 and auroc are the mean of, 1: class 1, or all classes alike (macro)."
        means = [((*key, averaging), 1.0) for key, averaging, _ in scores if averaging]
        yield gauge("penumbra_quality_averaging", text, (*arm, "metric", "averaging"), means)
        labelled = [(key, float(n)) for key, n in board.labelled.items()]
        yield counter("penumbra_labelled_predictions", "Predictions that met a label.", arm, labelled)
        unscored = [(key, float(n)) for key, n in board.unscored.items()]
        text = "Labelled predictions whose label was of another kind, so that they have no score."
        yield counter("penumbra_unscored_predictions", text, ("route", "version"), unscored)
        outcomes = [((name,), float(n)) for name, n in board.feedbacks.items()]
        yield counter("penumbra_labels", "Labels by what became of them.", ("outcome",), outcomes)
        gone = [(key, float(n)) for key, n in board.unlabelled.items()]
        text = "Requests whose predictions were given up without a label."
        yield counter("penumbra_unlabelled_requests", text, ("route", "reason"), gone)

    def _losses(self) -> Iterator[Metric]:
        board = self._board
        dropped = [((reason,), float(n)) for reason, n in board.counters.records_dropped.items()]
        text = "Records of legs that control did not get; counters are exact all the same."
        yield counter("penumbra_records_dropped", text, ("reason",), dropped)
        shed = [((what,), float(n)) for what, n in board.counters.shed.items()]
        text = "What a worker had no memory for: copies, records, rescues, or requests (and clients); docs/security.md."
        yield counter("penumbra_shed", text, ("what",), shed)
        labels = ("route", "version", "role", "side", "reason")
        unreadable = [(key, float(n)) for key, n in board.unreadable.items()]
        yield counter("penumbra_unreadable_bodies", "Bodies that could not be read.", labels, unreadable)
        arm = ("route", "version", "role")
        analysed = [(key, float(n)) for key, n in board.content.analysed.items()]
        text = "Inferences answered with success whose body was analysed."
        yield counter("penumbra_analysed", text, arm, analysed)
        invalid = [(key, float(n)) for key, n in board.content.invalid.items()]
        text = "Analysed answers whose body says that they failed."
        yield counter("penumbra_invalid", text, (*arm, "reason"), invalid)
        unpaired = [((reason,), float(n)) for reason, n in board.unpaired.items()]
        yield counter("penumbra_unpaired", "Copies that never met the answer to compare with.", ("reason",), unpaired)


def _most_drifted(rows: Iterable[Drift], most: int) -> list[Drift]:
    return sorted(rows, key=lambda row: (-row.drifted, -row.psi))[:most]


class EngineCollector(Collector):
    """Decisions: splits, phases, verdicts, the configuration and the store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        yield from self._routes()
        yield from self._scorecards()
        yield from self._itself()

    def _routes(self) -> Iterator[Metric]:
        routes = self._engine.routes
        splits = {name: live_split(route) for name, route in routes.items()}
        rows = [((name, version), percent) for name, split in splits.items() for version, percent in split.items()]
        yield gauge("penumbra_split_percent", "Live traffic of a version, as decided.", ("route", "version"), rows)
        copies = {name: route.situation.shadows for name, route in routes.items()}
        rows = [((name, version), percent) for name, part in copies.items() for version, percent in part.items()]
        yield gauge("penumbra_shadow_percent", "Requests copied to a shadow, as decided.", ("route", "version"), rows)
        phases = [((name, p), float(p == route.state.phase)) for name, route in routes.items() for p in PHASES]
        yield gauge("penumbra_release_phase", "1 for the phase that a route is in.", ("route", "phase"), phases)
        stages = [((name,), float(r.state.stage + 1)) for name, r in routes.items() if r.situation.stage is not None]
        yield gauge("penumbra_release_stage", "The stage of a release, from 1.", ("route",), stages)
        gone = [((name, version), 1.0) for name, route in routes.items() for version in route.state.left]
        yield gauge("penumbra_arm_left", "1 for an arm that has left an A/B test.", ("route", "version"), gone)
        rollbacks = [(key, float(n)) for key, n in self._engine.rollbacks.items()]
        yield counter(
            "penumbra_rollbacks", "Rollbacks, and arms that left an A/B test, by cause.", ("route", "reason"), rollbacks
        )
        yield from self._identities()

    def _identities(self) -> Iterator[Metric]:
        engine, labels = self._engine, ("route", "version")
        changes = [(key, float(n)) for key, n in engine.identity_changes.items()]
        text = "Times that another model answered under a version, by what followed."
        yield counter("penumbra_identity_changes", text, (*labels, "action"), changes)
        watches = {
            (route, v): watch for route in engine.routes for v, watch in engine.board.answerers.of(route).items()
        }
        present = [(key, float(len(watch.get()))) for key, watch in watches.items()]
        text = "Models that answer under a version at present, by what their answers say of them."
        yield gauge("penumbra_identities", text, labels, present)

    def _scorecards(self) -> Iterator[Metric]:
        engine, labels = self._engine, ("route", "version", "metric", "bound")
        lines = [
            ((name, v.version, v.metric, v.bound), v) for name in engine.routes for v in engine.status(name).verdicts
        ]
        values = [(key, v.value) for key, v in lines if v.value is not None]
        yield gauge("penumbra_scorecard_value", "Value that is held against a limit of the scorecard.", labels, values)
        limits = [(key, v.limit) for key, v in lines if v.limit is not None]
        yield gauge("penumbra_scorecard_limit", "Limit of the scorecard.", labels, limits)
        verdicts = [(key, VERDICT_VALUES[v.outcome]) for key, v in lines]
        yield gauge("penumbra_scorecard_verdict", "Verdict: 1 pass, 0 undecided, -1 fail.", labels, verdicts)
        evidence = [(key, v.log_breach) for key, v in lines]
        text = "Natural logarithm of the evidence of a breach; it acts at ln(1/false_alarm)."
        yield gauge("penumbra_scorecard_evidence", text, labels, evidence)

    def _itself(self) -> Iterator[Metric]:
        engine = self._engine
        installed = [((__version__, build()), 1.0)]
        yield gauge(
            "penumbra_build_info",
            "1 for the version that runs; build: compiled or interpreted.",
            ("version", "build"),
            installed,
        )
        yield _one("penumbra_table_revision", "The newest routing table.", engine.revision)
        yield _one("penumbra_config_reload_failed", "1 while a new configuration is refused.", bool(engine.problems))
        yield _one(
            "penumbra_config_reload_timestamp_seconds",
            "Unix time at which the configuration was last reloaded.",
            engine.keeper.unix(engine.reloaded),
        )
        failed = [((), float(engine.store_errors))]
        yield counter("penumbra_store_errors", "Reads and writes of the state file that failed.", (), failed)
        yield _one("penumbra_unsaved_changes", "Changes in force that are not stored yet.", engine.unsaved)
        mended = [((what,), float(n)) for what, n in engine.keeper.mended.items()]
        text = "Damage to the state file that was mended: it had vanished (renewed), a row, or pages (salvaged)."
        yield counter("penumbra_state_mended", text, ("what",), mended)
        warnings = [((name,), float(len(engine.warnings(name)))) for name in engine.routes]
        yield gauge("penumbra_route_warnings", "Visible warnings of a route.", ("route",), warnings)


class WorkerCollector(Collector):
    """Workers as the link sees them, and the supervisor's restarts."""

    def __init__(self, workers: Callable[[], list[WorkerStatus]], restarts: Callable[[], Restarts]) -> None:
        self._workers, self._restarts = workers, restarts

    def collect(self) -> Iterator[Metric]:
        restarts = [(key, float(n)) for key, n in self._restarts().items()]
        text = "Processes that were started again: exited, killed, hung (ended since it was silent) or not_started."
        yield counter("penumbra_restarts", text, ("process", "reason"), restarts)
        workers = [((str(status.index),), status) for status in self._workers()]
        up = [(key, float(status.up)) for key, status in workers]
        yield gauge("penumbra_worker_up", "1 while the worker ticks and follows a table.", ("worker",), up)
        leased = [(key, float(status.leased)) for key, status in workers]
        text = "1 while the worker follows control; 0: primaries only."
        yield gauge("penumbra_worker_leased", text, ("worker",), leased)
        connections = [(key, float(s.last.connections)) for key, s in workers if s.up and s.last is not None]
        yield gauge("penumbra_client_connections", "Client connections that are open.", ("worker",), connections)
        memory = [(key, s.last) for key, s in workers if s.connected and s.last is not None]
        text = "Bytes that wait or are kept in a worker: bodies, answers, records, what sockets have not taken."
        yield gauge("penumbra_worker_memory_bytes", text, ("worker",), [(key, float(t.memory)) for key, t in memory])
        text = "Bytes that may wait or be kept in a worker: its part of limits.memory."
        limits = [(key, float(tick.memory_limit)) for key, tick in memory]
        yield gauge("penumbra_worker_memory_limit_bytes", text, ("worker",), limits)
        revisions = [(key, float(status.revision or 0)) for key, status in workers]
        yield gauge("penumbra_worker_revision", "The table that the worker follows.", ("worker",), revisions)


class JournalCollector(Collector):
    """Log lines and spans."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def collect(self) -> Iterator[Metric]:
        lines = [(key, float(n)) for key, n in self._journal.lines_dropped.items()]
        text = "Log lines of control not written: unread (nobody reads stderr) or rate (over a thousand a second)."
        yield counter("penumbra_log_lines_dropped", text, ("kind", "reason"), lines)
        spans = [((outcome,), float(n)) for outcome, n in self._journal.spans.items()]
        yield counter(
            "penumbra_spans",
            (
                "Spans: exported, failed, queue_full, rate (over a thousand a second), "
                "or orphaned (a copy of an unknown exchange)."
            ),
            ("outcome",),
            spans,
        )


class BoundCollector(Collector):
    """Bounds without a metric of their own."""

    def __init__(self, sources: Iterable[Callable[[], Mapping[str, int]]]) -> None:
        self._sources = tuple(sources)

    def collect(self) -> Iterator[Metric]:
        rows = [((bound,), float(count)) for source in self._sources for bound, count in source().items()]
        text = "Times that a bound was reached, where no other metric tells; docs/security.md has all bounds."
        yield counter("penumbra_bound_reached", text, ("bound",), rows)


def _one(name: str, text: str, number: float) -> Metric:
    return gauge(name, text, (), [((), float(number))])


class MetricSources(Struct, frozen=True):
    """Objects from which the metrics are collected."""

    board: Board
    engine: Engine
    workers: Callable[[], list[WorkerStatus]]
    restarts: Callable[[], Restarts]
    notifier: Notifier
    capture: CaptureWriter
    journal: Journal
    now: Callable[[], float]
    """Unix seconds."""
    judges: JudgeCalls = field(default_factory=JudgeCalls)
    lag: Histogram = field(default_factory=Histogram)
    """Lateness of control's own loop."""
    bounds: tuple[Callable[[], Mapping[str, int]], ...] = ()
    """Counts of bounds that were reached elsewhere: in the link, in the API."""


def registry(sources: MetricSources) -> CollectorRegistry:
    """Registry of all metrics that `/metrics` shows of Penumbra itself."""
    made, bounded = CollectorRegistry(), (sources.board, sources.engine, sources.capture, sources.journal)
    made.register(BoardCollector(sources.board, sources.now, sources.lag))
    made.register(EndpointCollector(sources.board.counters, sources.now))
    made.register(EngineCollector(sources.engine))
    made.register(WorkerCollector(sources.workers, sources.restarts))
    made.register(MessageCollector(sources.notifier))
    made.register(CaptureCollector(sources.capture))
    made.register(JournalCollector(sources.journal))
    made.register(JudgeCollector(sources.judges))
    made.register(BoundCollector([*[source.bounds_reached for source in bounded], *sources.bounds]))
    return made
