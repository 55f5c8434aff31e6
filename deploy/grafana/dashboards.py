"""The dashboards, as code: `python deploy/grafana/dashboards.py` writes the JSON beside it, a test says when it is old.

Every dashboard has two variables: the Prometheus to ask, and the routes to show. Arms are (route, version, role).

Sidecars of a fleet are one: what each has counted itself is summed (`rate`), what the judge decided, which each of them
shows alike, is `newest`, and a mean of each sidecar's own requests is weighted by those (`weighted`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from panels import ARM, BAD, ROUTE, Panel, graph, number, page, rows, states, warmth

from proxy.contracts.metrics import METRICS, Unit
from proxy.contracts.outcome import OUTCOMES

FOLDER = Path(__file__).with_name("dashboards")
LINE = "route, version, metric, bound"
"""What tells the lines of a scorecard apart."""


def rate(metric: str, by: str, only: str = "") -> str:
    """The rate of a counter, or of a histogram's buckets, by labels."""
    return f"sum by ({by}) (rate({metric}{{{ROUTE}{only}}}[$__rate_interval]))"


def newest(metric: str, by: str) -> str:
    """A gauge by labels, whichever instance has it: that of a fleet is the same at each sidecar."""
    return f"max by ({by}) ({metric}{{{ROUTE}}})"


def weighted(metric: str, of: str, by: str, beside: str = "") -> str:
    """A mean that each sidecar has of its own requests, over all of them.

    - `of`: the counter of what it is a mean of
    - `beside`: the labels that it has and the counter has not
    """
    match = f"ignoring ({beside}) group_left () " if beside else ""
    mean, count = f"{metric}{{{ROUTE}}}", f"{of}{{{ROUTE}}}"
    return f"sum by ({by}) ({mean} * {match}{count}) / sum by ({by}) (0 * {mean} + {match}{count})"


ARMS = "route, version, role"
LIVE = ', role=~"primary|canary|baseline"'
REQUESTS = rate("penumbra_requests_total", ARMS)
FAILING = rate("penumbra_requests_total", ARMS, f", {BAD}")
OUTCOME = rate("penumbra_outcomes_total", f"{ARMS}, outcome")
COUNTED = "|".join(row.name for row in OUTCOMES.values() if row.counted)
INFERENCES = rate("penumbra_outcomes_total", ARMS, f', outcome=~"{COUNTED}"')
ANALYSED, INVALID = rate("penumbra_analysed_total", ARMS), rate("penumbra_invalid_total", ARMS)
PAIRS = rate("penumbra_pairs_total", "route, version, result")
TOTAL = f"sum({rate('penumbra_requests_total', 'role', LIVE)})"
TOTAL_FAILING = f"(sum({rate('penumbra_requests_total', 'role', f'{LIVE}, {BAD}')}) or vector(0))"
SPLIT = newest("penumbra_split_percent", "route, version")
COVERAGE = f"min by (route, version) (penumbra_shadow_coverage_ratio{{{ROUTE}}})"
DISAGREEMENT = weighted("penumbra_disagreement_ratio", "penumbra_compared_total", "route, version")
OWED = rate("penumbra_shadow_requests_total", "route, version")
DROPPED = rate("penumbra_shadow_dropped_total", "route, version, reason")
LOST = "sum by (reason) (rate(penumbra_records_dropped_total[$__rate_interval])) or 0 * sum(penumbra_worker_up)"
VALUE, LIMIT, VERDICT, EVIDENCE = (
    newest(f"penumbra_scorecard_{what}", LINE) for what in ("value", "limit", "verdict", "evidence")
)
ROLLBACKS = f"{newest('penumbra_rollbacks_total', 'route, reason')} or 0 * {newest('penumbra_route_warnings', 'route')}"
PAIR, SCORED = "{{route}} {{version}}", "{{version}} {{metric}} {{bound}}"
NOW = {"0": ("", "transparent"), "1": ("now", "blue")}
VERDICTS = {"1": ("pass", "green"), "0": ("undecided", "yellow"), "-1": ("fail", "red")}


def part(some: str, of: str) -> str:
    """The part that one rate is of another by the same labels; 0 where nothing of it was counted yet."""
    return f"({some} or 0 * {of}) / ({of} > 0)"


def ended(outcome: str) -> str:
    """The part of the inferences that ended with an outcome, by arm."""
    return part(rate("penumbra_outcomes_total", ARMS, f', outcome="{outcome}"'), INFERENCES)


def quantile(q: float, metric: str, by: str, only: str = "") -> str:
    """A quantile of a histogram by labels ("" for all together)."""
    return f"histogram_quantile({q}, {rate(f'{metric}_bucket', f'{by}, le' if by else 'le', only)})"


UNITS: dict[str, tuple[str, tuple[Unit, ...]]] = {
    "Rates and scores": ("percentunit", ("fraction",)),
    "Latencies": ("s", ("seconds",)),
    "Drift": ("short", ("psi",)),
    "Losses and tokens": ("short", ("nats", "label", "tokens", "currency")),
}
"""Panel to the unit that it is drawn in, and the units of the metrics that it shows."""

CODES = "A word: why there was no answer; grpc: the status of a call (0 is OK, 14 UNAVAILABLE)."


def measured(units: tuple[Unit, ...]) -> str:
    """The values of the scorecard's lines in some units. What is held against `max_ratio` has none, it is a ratio."""
    names = "|".join(metric.name for metric in METRICS.values() if metric.unit in units)
    return f'max by ({LINE}) (penumbra_scorecard_value{{{ROUTE}, metric=~"{names}", bound!="max_ratio"}})'


def overview() -> Iterable[Panel]:
    """Who gets what share, and how each version does with it."""
    duration, first, overhead = (f"penumbra_{what}_seconds" for what in ("request_duration", "first_byte", "overhead"))
    spread = rate(f"{duration}_bucket", "le", ', role="primary"').replace("rate(", "increase(")
    added = [(quantile(q, overhead, "route"), f"{{{{route}}}} p{q * 100:g}") for q in (0.5, 0.99)]
    codes = rate("penumbra_requests_total", "code", LIVE)
    yield number("Requests", "reqps", TOTAL)
    yield number("Failing", "percentunit", f"{TOTAL_FAILING} / {TOTAL}", bad_from=0.01, what="Rescued ones included.")
    yield number("Added by the proxy, p50", "s", quantile(0.5, overhead, ""))
    yield number("In flight", "short", f"sum(penumbra_inflight_requests{{{ROUTE}}}) or vector(0)")
    yield number("Workers up", "short", "sum(penumbra_worker_up)")
    yield number("Warnings", "short", f"sum({newest('penumbra_route_warnings', 'route')})", bad_from=1)
    yield graph("Split as decided", "percent", [(SPLIT, PAIR)], "As the routing table has it.", stacked=True)
    yield graph("Requests by arm", "reqps", [(REQUESTS, ARM)], "Legs that finished.")
    failing = [(part(FAILING, REQUESTS), ARM)]
    yield graph(
        "Failing by arm",
        "percentunit",
        failing,
        "5xx (or as much by gRPC), or no answer. A client that left does not count.",
    )
    yield graph("Latency p50 by arm", "s", [(quantile(0.5, duration, ARMS), ARM)], "To the last byte.")
    yield graph("Latency p99 by arm", "s", [(quantile(0.99, duration, ARMS), ARM)], "To the last byte.")
    yield graph("First byte p99 by arm", "s", [(quantile(0.99, first, ARMS), ARM)], "Of a stream: its first token.")
    yield graph("Answers by code", "reqps", [(codes, "{{code}}")], CODES, stacked=True)
    yield graph("Added by the proxy", "s", added)
    yield warmth("Latency of the primary", "s", spread)
    yield graph("Legs by outcome", "reqps", [(OUTCOME, ARM + " {{outcome}}")], "They sum to the legs.", stacked=True)
    left = [(ended(outcome), f"{ARM} {outcome}") for outcome in ("refused", "abandoned")]
    yield graph("Refused and abandoned by arm", "percentunit", left, "Of the inferences.")
    invalid = "Of the analysed answers of a successful status: an error, a cut stream, nothing, or no number in it."
    yield graph("Invalid answers by arm", "percentunit", [(part(INVALID, ANALYSED), ARM)], invalid)


def release() -> Iterable[Panel]:
    """Where a release stands, and what its scorecard says."""
    about = "Verdict 1 pass, 0 undecided, -1 fail. A limit is breached when the evidence reaches ln(1/false_alarm)."
    columns = [(VALUE, "value"), (LIMIT, "limit"), (EVIDENCE, "log evidence"), (VERDICT, "verdict")]
    yield states("Phase", newest("penumbra_release_phase", "route, phase"), "{{route}} {{phase}}", NOW)
    yield rows("Scorecard now", columns, about)
    yield states("Verdicts", VERDICT, "{{route}} {{version}} {{metric}} {{bound}}", VERDICTS)
    yield graph("Evidence of a breach", "none", [(EVIDENCE, SCORED)], about, low=None).span(12)
    yield graph("Value against limit", "percentunit", [(f"{VALUE} / {LIMIT}", SCORED)], "100 % is at the limit.").span(
        12
    )
    for title, (unit, units) in UNITS.items():
        yield graph(title, unit, [(measured(units), SCORED)], "Values of the scorecard's lines.", low=None).span(6)
    yield graph("Split as decided", "percent", [(SPLIT, PAIR)], stacked=True).span(12)
    yield graph("Rollbacks since control started", "short", [(ROLLBACKS, "{{route}} {{reason}}")]).span(12)


def shadows() -> Iterable[Panel]:
    """How many copies shadows get, what is lost and why, and how far answers differ."""
    beside = ', role=~"primary|shadow"'
    slow = quantile(0.99, "penumbra_request_duration_seconds", ARMS, beside)
    codes = rate("penumbra_requests_total", "route, version, code", ', role="shadow"')
    about = "Below 90 % the evidence misses what the shadow could not take."
    yield number("Coverage", "percentunit", COVERAGE, PAIR, what="Copies sent of copies due.").span(8)
    yield number("Disagreement", "percentunit", DISAGREEMENT, PAIR, what="Of the answers compared.").span(8)
    yield number("Compared", "reqps", rate("penumbra_compared_total", "route, version"), PAIR).span(8)
    yield graph("Coverage", "percentunit", [(COVERAGE, PAIR)], about)
    yield graph(
        "Copies not sent, by reason", "reqps", [(f"{DROPPED} or 0 * {OWED}", PAIR + " {{reason}}")], stacked=True
    )
    yield graph("Disagreement", "percentunit", [(DISAGREEMENT, PAIR)])
    yield graph(
        "Pairs by result", "reqps", [(PAIRS, PAIR + " {{result}}")], "Each agrees, differs or is lost.", stacked=True
    )
    yield graph("Latency p99 beside the primary", "s", [(slow, ARM)])
    yield graph("Shadows' answers by code", "reqps", [(codes, PAIR + " {{code}}")], CODES, stacked=True)
    lost = "Bodies for drift and disagreement; `sampled` is what control asked for."
    yield graph("Records that control did not get", "reqps", [(LOST, "{{reason}}")], lost, stacked=True)


WORLD = {
    "0": ("as the reference", "green"),
    "1": ("the world changed", "yellow"),
    "2": ("the model changed", "red"),
    "3": ("both", "red"),
}
DRIFTED = newest("penumbra_drifted", "route, side, feature")


def drift() -> Iterable[Panel]:
    """Whether requests and predictions still look like the reference, whose change it is, and what labels say."""
    inputs = f'max by (route) (penumbra_drifted{{{ROUTE}, side="input"}})'
    verdicts = f'max by (route) (penumbra_scorecard_verdict{{{ROUTE}, metric="disagreement"}} == bool -1)'
    about = "Inputs drifted: the world. A disagreement that breaches its limit while inputs did not drift: the model."
    size, feature = "0.1 is small, 0.25 large.", "{{route}} {{role}} {{version}} {{feature}}"
    arm, named = "route, version, role, side, feature", "The features that are furthest off, at most 50."
    yield (
        number("Drifted", "short", f"sum by (side) ({DRIFTED})", "{{side}}", bad_from=1, what="Features.")
        .span(6)
        .height(8)
    )
    yield states(
        "World or model", f"{inputs} + on (route) (2 * {verdicts} or 0 * {inputs})", "{{route}}", WORLD, about
    ).span(18)
    for side, title in (("input", "inputs"), ("prediction", "predictions")):
        psi = f'max by ({arm}) (penumbra_drift_psi{{{ROUTE}, side="{side}"}})'
        yield graph(f"PSI of {title}", "short", [(psi, feature)], f"Corrected for sample size. {size} {named}").span(12)
    columns = [(newest("penumbra_drift_psi", arm), "PSI"), (newest("penumbra_drifted", arm), "drifted")]
    yield rows("Features now", columns, "Drifted: significant and larger than its limit.")
    broken = rate("penumbra_contract_violations_total", "route, version, rule")
    yield graph("Rows that break a rule", "reqps", [(broken, "{{version}} {{rule}}")], stacked=True)
    labels = "route, version, role, metric"
    quality = weighted("penumbra_quality", "penumbra_labelled_predictions_total", labels, "metric")
    yield graph(
        "Quality by labels", "short", [(quality, ARM + " {{metric}}")], "Of predictions that met a label.", low=None
    )
    labelled = rate("penumbra_labelled_predictions_total", ARMS)
    yield graph(
        "Predictions labelled", "reqps", [(labelled, ARM)], "Arms that get labels unlike each other cannot be compared."
    )


def of_fleet(metric: str, by: str = "") -> str:
    """A metric of sidecars with the fleet that each is in, and its name there where that is asked for."""
    labels = f"fleet, {by}" if by else "fleet"
    return f"{metric} * on (job, namespace, instance) group_left ({labels}) penumbra_fleet_info"


def alike(metric: str, how: str = "max") -> str:
    """What all sidecars of a fleet say alike, once."""
    return f"{how} by (fleet) ({of_fleet(metric)})"


def each(metric: str) -> str:
    """What is of each sidecar itself."""
    return f"max by (fleet, member) ({of_fleet(metric, 'member')})"


def counted(metric: str, by: str = "fleet, member") -> str:
    """The rate of a counter of sidecars, with their fleet."""
    return f"sum by ({by}) ({of_fleet(f'rate({metric}[$__rate_interval])', 'member')})"


def fleet() -> Iterable[Panel]:
    """Who is in a fleet, who judges, who is behind or apart, and what each of them carries."""
    member, judged = "{{fleet}} {{member}}", {"0": ("nobody", "red"), "1": ("a judge", "green")}
    asked, loaded = counted("penumbra_fleet_turns_total", "fleet, result"), f"penumbra_requests_total{{{ROUTE}{LIVE}}}"
    apart = f"sum by (fleet) ({of_fleet('penumbra_fleet_lost')})"
    yield number("Members", "short", alike("penumbra_fleet_members"), "{{fleet}}", what="As the judge saw them.").span(
        6
    )
    yield number("Apart", "short", apart, "{{fleet}}", bad_from=1, what="Without the store for the lease.").span(6)
    differing = alike("penumbra_fleet_differing_routes")
    yield number("Routes that differ", "short", differing, "{{fleet}}", bad_from=1, what="No stage advances.").span(6)
    yield number("Table", "none", alike("penumbra_fleet_revision"), "{{fleet}}", what="The newest revision.").span(6)
    yield states("Whether anybody judges", alike("penumbra_fleet_has_judge"), "{{fleet}}", judged)
    yield states(
        "Who judges", each("penumbra_fleet_is_judge"), member, {"0": ("", "transparent"), "1": ("judge", "blue")}
    )
    age = [(each("penumbra_fleet_report_age_seconds"), member)]
    yield graph("Age of the last report", "s", age, "Half a second to one is usual.")
    behind = "To the newest table that the store has told of; 0 is usual."
    yield graph("Looks behind", "short", [(each("penumbra_fleet_behind"), member)], behind)
    yield graph("Turns by result", "ops", [(asked, "{{fleet}} {{result}}")], "All but done is a fault.", stacked=True)
    refused = [(counted("penumbra_fleet_refused_looks_total"), member)]
    yield graph("Looks refused", "ops", refused, "Two that judge in turn, or a store that went back.")
    late = [(counted("penumbra_fleet_late_requests_total"), member)]
    yield graph("Requests too late to be evidence", "reqps", late, "Figures of their sidecar alone.")
    yield graph("Requests by sidecar", "reqps", [(counted(loaded), member)], "Legs that finished.", stacked=True)


DASHBOARDS = {"overview": overview, "fleet": fleet, "release": release, "drift": drift, "shadows": shadows}


def built(name: str) -> str:
    """The JSON of a dashboard."""
    panels = DASHBOARDS[name]
    made = page(f"Penumbra: {name}", f"penumbra-{name}", panels.__doc__ or "")
    for panel in panels():
        made.with_panel(panel)
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(built(name))
