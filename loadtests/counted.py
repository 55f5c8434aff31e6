"""What Penumbra counted itself, read from its /metrics, to hold against what the load generator knows."""

from __future__ import annotations

import time
import urllib.request
from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

Row = tuple[str, frozenset[tuple[str, str]]]


def scrape(admin: int) -> dict[Row, float]:
    """All samples of /metrics at a loopback port, by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def total(samples: dict[Row, float], name: str, **labels: str) -> float:
    """The sum of a metric over all samples that carry `labels`."""
    wanted = set(labels.items())
    return sum(value for (sample, found), value in samples.items() if sample == name and wanted <= found)


def by_label(samples: dict[Row, float], name: str, label: str) -> Counter[str]:
    """The sums of a metric by one of its labels."""
    sums: Counter[str] = Counter()
    for (sample, found), value in samples.items():
        if sample == name:
            sums[dict(found).get(label, "")] += int(value)
    return sums


def summary(admin: int) -> dict[str, float]:
    """Client requests, copies, and what was lost of copies and records."""
    samples = scrape(admin)
    roles = by_label(samples, "penumbra_requests_total", "role")
    return {
        "requests": roles["primary"] + roles["canary"],
        "copies": roles["shadow"],
        "copies_dropped": total(samples, "penumbra_shadow_dropped_total"),
        "records_dropped": total(samples, "penumbra_records_dropped_total"),
        "sampled": total(samples, "penumbra_records_dropped_total", reason="sampled"),
    }


def analysed(before: dict[str, float], after: dict[str, float]) -> float | None:
    """The part of the exchanges between two summaries whose records reached control; None without exchanges.

    `sampled` is counted for each exchange, the other reasons for each leg.
    """
    delta = {name: after[name] - before[name] for name in after}
    legs = delta["requests"] + delta["copies"]
    if delta["requests"] <= 0:
        return None
    return max(0.0, 1.0 - delta["sampled"] / delta["requests"] - (delta["records_dropped"] - delta["sampled"]) / legs)


def settled(admin: int, sent: int, seconds: float = 5.0) -> dict[Row, float]:
    """/metrics once it has counted `sent` client requests (ticks come every 100 ms), or as it is after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        samples = scrape(admin)
        roles = by_label(samples, "penumbra_requests_total", "role")
        if roles["primary"] + roles["canary"] >= sent or time.monotonic() > deadline:
            return samples
        time.sleep(0.1)
