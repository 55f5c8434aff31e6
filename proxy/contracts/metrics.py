"""The metrics of a scorecard: one row each, and everything else about a metric is derived from its row.

The configuration's reader takes the limits of a row and no others; the JSON Schema, the reference of options, the
example of everything, the tests of a candidate, verdicts, the guard after a promotion, the admin API, the status page
and the dashboards iterate over `METRICS`. Adding a metric touches at most four places:

1. its row here;
2. where its kind needs arithmetic of its own, one entry in `stats.quality.scores`: a score that is a mean over
   labelled predictions, or a loss (another quantile or drift needs none);
3. a test of that arithmetic;
4. what is generated (`make docs`, `deploy/grafana/dashboards.py`) and a line of CHANGELOG.md.

`tests/test_one_row.py` adds rows to a copy of this tree and looks for them in all of these.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from proxy.contracts.outcome import OUTCOMES, Outcome

MetricKind = Literal["rate", "distribution", "quantile", "paired", "drift", "score", "loss"]
"""The way in which a metric is computed and tested.

- `rate`: part of the observations that are bad events; a conditional test of two rates, a test of their difference by
  inverse-probability weighting, and a Bernoulli mean
- `distribution`: latency as a whole, by stochastic order over ranks
- `quantile`: latency beyond one quantile, by ranks
- `paired`: part of the pairs of answers to the same request that differ
- `drift`: distance of a stream from a reference profile, by an e-detector
- `score`: quality of labelled predictions, higher is better, 0 to 1
- `loss`: error of labelled predictions, lower is better, without an upper end
"""

LimitName = Literal["max", "min", "max_ratio", "max_increase", "max_drop", "max_psi"]
"""A field of `contracts.settings.Limit` that a scorecard can name."""

GAINS: frozenset[MetricKind] = frozenset(("rate", "score", "loss"))
"""Kinds of metrics in which a candidate can be proved better than the primary (a test of superiority)."""

Unit = Literal["fraction", "seconds", "tokens", "currency", "psi", "nats", "label"]
"""Unit of a metric's value: part of one, seconds, tokens, that of the versions' prices, population stability index,
nats, or that of the label."""

MetricSource = Literal["ticks", "bodies", "pairs", "labels"]
"""Observations from which a metric is counted: exact counts of every request, bodies that were analysed (perhaps a
sample), answers that were compared, or predictions that met a label."""

Blame = Literal["candidate", "world"]
"""The one to blame for a breach. Both versions get the same inputs, so a drift of inputs blames the world."""


class Metric(Struct, frozen=True):
    """A metric that a line of a scorecard may limit."""

    name: str
    """The key of the line in a scorecard, and the label `metric` of /metrics."""
    kind: MetricKind
    """Way in which the metric is computed and tested."""
    unit: Unit
    """Unit of the metric's value."""
    source: MetricSource
    """Observations from which the metric is counted."""
    title: str
    """Name of the metric where people read it: on the status page."""
    text: str
    """One sentence for the reference of options and the JSON Schema."""
    limits: dict[LimitName, str]
    """The limits that it can be held to; each with an example, as a configuration writes it."""
    quantile: float | None = None
    """The quantile that is shown, and for kind `quantile` tested; 0 to 1."""
    side: Literal["input", "prediction"] | None = None
    """The stream, for kind `drift`, that is held against the profile."""
    blames: Blame = "candidate"
    """Whom a breach blames."""
    finer: float = 1.0
    """How many of what buckets hold is one of `unit`: buckets end at a millionth, and answers may cost less."""
    inverse: bool = False
    """Whether less is worse, so that buckets hold one over the value, and the quantile is that of those."""
    survives_promotion: bool = True
    """Whether it can guard a promoted version, which has no second arm any more."""
    events: str = "bad ones"
    """What a rate counts, as people say it; likewise what of: errors of requests."""
    of: str = "observations"


def _latency(name: str, quantile: float, title: str, text: str, most: str, ratio: str = "1.2") -> Metric:
    return Metric(name, "quantile", "seconds", "ticks", title, text, {"max": most, "max_ratio": ratio}, quantile)


_TO_LAST_BYTE = "of the time to the last byte."
_SCORE: dict[LimitName, str] = {"min": "0.9", "max_drop": "0.02"}

_ROWS = (
    Metric(
        name="error_rate",
        kind="rate",
        unit="fraction",
        source="ticks",
        title="error rate",
        text="Part of the requests that failed: no answer, or status 500 and above.",
        limits={"max": "0.02", "max_ratio": "2", "max_increase": "0.02"},
        events="errors",
        of="requests",
    ),
    Metric(
        name="refusal_rate",
        kind="rate",
        unit="fraction",
        source="ticks",
        title="refusal rate",
        text="Part of the inferences that the version refused: status 3xx or 4xx.",
        limits={"max": "0.1", "max_ratio": "2", "max_increase": "0.03"},
        events="refusals",
        of="inferences",
    ),
    Metric(
        name="abandonment_rate",
        kind="rate",
        unit="fraction",
        source="ticks",
        title="abandonment rate",
        text="Part of the live inferences whose client left before the answer was complete.",
        limits={"max": "0.1", "max_ratio": "2", "max_increase": "0.03"},
        events="abandonments",
        of="inferences",
    ),
    Metric(
        name="invalid_rate",
        kind="rate",
        unit="fraction",
        source="bodies",
        title="invalid rate",
        text="Part of the analysed answers of a successful status that are none: an error, empty, unreadable, NaN.",
        limits={"max": "0.02", "max_ratio": "2", "max_increase": "0.01"},
        events="invalid answers",
        of="analysed answers",
    ),
    Metric(
        name="latency",
        kind="distribution",
        unit="seconds",
        source="ticks",
        title="latency",
        text="Latency as a whole: no quantile may be slower.",
        limits={"max_ratio": "1.05"},
        quantile=0.5,
    ),
    _latency("latency_p50", 0.5, "latency p50", f"Median {_TO_LAST_BYTE}", "50ms"),
    _latency("latency_p90", 0.9, "latency p90", f"90th percentile {_TO_LAST_BYTE}", "100ms"),
    _latency("latency_p95", 0.95, "latency p95", f"95th percentile {_TO_LAST_BYTE}", "150ms"),
    _latency("latency_p99", 0.99, "latency p99", f"99th percentile {_TO_LAST_BYTE}", "250ms", "1.25"),
    Metric(
        name="time_to_first_token",
        kind="quantile",
        unit="seconds",
        source="bodies",
        title="time to first token",
        text="90th percentile of the time to the first token of a stream.",
        limits={"max": "500ms", "max_ratio": "1.2"},
        quantile=0.9,
    ),
    Metric(
        name="time_per_output_token",
        kind="quantile",
        unit="seconds",
        source="bodies",
        title="time per output token",
        text="90th percentile of the seconds that an answer takes for each of its tokens: 1 over tokens per second.",
        limits={"max": "50ms", "max_ratio": "1.2"},
        quantile=0.9,
    ),
    Metric(
        name="tokens_per_second",
        kind="quantile",
        unit="tokens",
        source="bodies",
        title="tokens per second",
        text="10th percentile of the tokens that an answer has for each second; 1 over `time_per_output_token`.",
        limits={"min": "20"},
        quantile=0.9,
        inverse=True,
    ),
    Metric(
        name="output_tokens",
        kind="quantile",
        unit="tokens",
        source="bodies",
        title="output tokens",
        text="90th percentile of the tokens of an answer, reasoning among them, as its server counts them.",
        limits={"max": "2000", "max_ratio": "1.2"},
        quantile=0.9,
    ),
    Metric(
        name="cost",
        kind="quantile",
        unit="currency",
        source="bodies",
        title="cost",
        text="90th percentile of the cost of an answer by the prices of its version, in their currency.",
        limits={"max": "0.02", "max_ratio": "1.2"},
        quantile=0.9,
        finer=100.0,
    ),
    Metric(
        name="disagreement",
        kind="paired",
        unit="fraction",
        source="pairs",
        title="disagreement",
        text="Part of the compared answers of a shadow that differ from the primary's.",
        limits={"max": "0.05"},
        survives_promotion=False,
    ),
    Metric(
        name="input_drift",
        kind="drift",
        unit="psi",
        source="bodies",
        title="input drift",
        text="Features against the reference profile.",
        limits={"max_psi": "0.2"},
        side="input",
        blames="world",
        survives_promotion=False,
    ),
    Metric(
        name="prediction_drift",
        kind="drift",
        unit="psi",
        source="bodies",
        title="prediction drift",
        text="Predictions against the reference profile.",
        limits={"max_psi": "0.2"},
        side="prediction",
        survives_promotion=False,
    ),
    Metric(
        name="contract_violations",
        kind="rate",
        unit="fraction",
        source="bodies",
        title="contract violations",
        text="Part of the rows that break a rule of the data contract.",
        limits={"max": "0.01", "max_ratio": "2"},
        events="violations",
        of="rows",
    ),
    Metric("accuracy", "score", "fraction", "labels", "accuracy", "Of labelled predictions.", _SCORE),
    Metric("f1", "score", "fraction", "labels", "F1", "Of labelled predictions.", _SCORE),
    Metric("auroc", "score", "fraction", "labels", "AUROC", "Area under the ROC curve, of labelled scores.", _SCORE),
    Metric(
        name="log_loss",
        kind="loss",
        unit="nats",
        source="labels",
        title="log loss",
        text="Of labelled probabilities.",
        limits={"max": "0.5", "max_ratio": "1.2"},
    ),
    Metric(
        name="mae",
        kind="loss",
        unit="label",
        source="labels",
        title="MAE",
        text="Mean absolute error of labelled predictions.",
        limits={"max": "10", "max_ratio": "1.2"},
    ),
    Metric(
        name="rmse",
        kind="loss",
        unit="label",
        source="labels",
        title="RMSE",
        text="Root mean squared error of labelled predictions.",
        limits={"max": "10", "max_ratio": "1.2"},
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ROWS}
"""Every metric by name, in the order of reading."""


OUTCOME_METRICS: dict[str, Outcome] = {
    name: row.name for row in OUTCOMES.values() for name in row.metrics if METRICS[name].source == "ticks"
}
"""Metric to the outcome that is a bad event of it, for those that ticks feed."""


def of_kind(*kinds: MetricKind) -> tuple[Metric, ...]:
    """The metrics of some kinds, in the order of reading."""
    return tuple(metric for metric in METRICS.values() if metric.kind in kinds)
