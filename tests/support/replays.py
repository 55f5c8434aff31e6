"""A report of a replay with something in every field, for whatever renders, hashes or reads one."""

from __future__ import annotations

from proxy.contracts import replay
from proxy.contracts.release import Verdict
from proxy.contracts.replay import ReplayReport
from proxy.contracts.settings import Lineage


def failed() -> ReplayReport:
    """A candidate that disagrees too often: the golden example."""
    return ReplayReport(
        schema=replay.SCHEMA,
        penumbra="0.3.0",
        route="cancer",
        candidate="cancer-v3",
        lineage=Lineage(commit="4f2a91c", dataset="sha256:9c1e", features="features-12"),
        image="models/cancer@sha256:" + "ef" * 32,
        against="http://127.0.0.1:8083/",
        primary="cancer-v1",
        beside="http://127.0.0.1:8081/",
        capture=replay.CaptureFacts(
            sha256="ab" * 32, files=("records.jsonl.1", "records.jsonl"), sealed=True, exchanges=1200,
            first=1_790_000_000.0, last=1_790_003_600.0, versions={"cancer-v1": 1200}, labels=300,
        ),
        settings="cd" * 32,
        false_alarm=0.001,
        verdict="fail",
        sentence="disagreement: 0.214 > limit 0.05 (n=112, lost=1)",
        needed=None,
        ending="decided",
        counts=replay.Counts(
            sent=113, answered=112, lost=1, skipped={"the body was not captured": 4, "a stream": 2}, redacted=3, rare=12
        ),
        lines=(
            line("error_rate", "pass", 0.9, 1.5, "max_ratio", proved=True),
            line("disagreement", "fail", 0.214, 0.05, "max", log_breach=11.4),
            line("quality", "undecided", None, 0.02, "max_drop", n=0, needed=250),
        ),
        notes=("refusal_rate: assumed",),
        outcomes=(
            replay.ArmOutcomes("recorded", "cancer-v1", {"good": 113}, {"200": 113}),
            replay.ArmOutcomes("primary", "cancer-v1", {"good": 113}, {"200": 113}),
            replay.ArmOutcomes(
                "candidate", "cancer-v3", {"good": 112, "failed": 1}, {"200": 112, "timeout": 1}, {"nan": 1}
            ),
        ),
        agreement=replay.Agreement(
            pairs=112, disagreements=24, lost=1, kinds={"argmax": 20, "number": 4}, noise_pairs=40,
            noise_disagreements=1, worst=tuple(disagreement(number) for number in range(replay.MAX_WORST)),
        ),
        rare=replay.Agreement(pairs=12, disagreements=2, kinds={"argmax": 2}, worst=(disagreement(0),)),
        drift=(
            replay.FeatureDrift("mean_radius", "input", "candidate", "cancer-v3", 0.01, False, 112),
            replay.FeatureDrift("probability", "prediction", "candidate", "cancer-v3", 0.41, True, 112),
        ),
        finding="the model changed: inputs are stable and the versions disagree",
        distributions=(
            replay.Distribution(
                "probability", "prediction", "number", (0.1, 0.5, 0.9), (),
                {"reference": (0.2, 0.3, 0.3, 0.2), "recorded": (0.2, 0.3, 0.3, 0.2), "candidate": (0.7, 0.1, 0.1, 0.1)}
            ),
            replay.Distribution(
                "label", "prediction", "category", (), ("benign", "malignant <b>"),
                {"recorded": (0.6, 0.4), "candidate": (0.9, 0.1)},
            ),
        ),
        answered_as=(replay.AnsweredAs("model_name=cancer, model_version=3"),),
        run=replay.Run(
            began=1_790_100_000.0, ended=1_790_100_002.5, seconds=2.5, cpu=0.4, analysis_cpu=0.01, sent=120,
            latencies=(
                latencies("primary", 113),
                latencies("candidate", 112),
            ),
            lines=(line("latency_p99", "pass", 1.1, 1.25, "max_ratio"),),
            notes=("the recorded pace was not kept",),
        ),
    )  # fmt: skip


def latencies(arm: replay.Arm, n: int) -> replay.Latencies:
    """Times of one arm, in seconds."""
    return replay.Latencies(arm, n, {"p50": 0.01, "p90": 0.02, "p95": 0.02, "p99": 0.03, "max": 0.05}, 0.011)


def line(
    metric: str, outcome: str, value: float | None, limit: float, bound: str, *, n: int = 112,
    needed: int | None = None, proved: bool = False, log_breach: float = 0.0,
) -> Verdict:  # fmt: skip
    """A line of a scorecard, with a sentence of its own figures."""
    shown = "no data" if value is None else f"{value:g}, limit {limit:g} (n={n}, lost=1)"
    return Verdict(
        metric=metric, outcome=outcome, value=value, limit=limit, n=n, lost=1, sentence=f"{metric}: {shown}",  # type: ignore[arg-type]
        needed=needed, version="cancer-v3", bound=bound, reference=0.01, log_breach=log_breach, proved=proved,
    )  # fmt: skip


def disagreement(number: int) -> replay.DifferentAnswers:
    """One of the worst, with markup and a redacted value in it."""
    return replay.DifferentAnswers(
        request_id=f"request-{number}", kind="argmax", shift=0.9 - number / 10,
        detail={
            "request": {"mean_radius": 17.99, "note": "<script>alert(1)</script> | `x`", "age": "[redacted]"},
            "primary": {"probability": 0.93}, "candidate": {"probability": 0.93 - number / 10},
        },
        row=number, comparer="argmax: malignant, benign",
    )  # fmt: skip
