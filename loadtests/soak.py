"""A bounded soak: memory flat, descriptors flat, counters exact.

    python -m loadtests.soak                     200,000 requests
    python -m loadtests.soak --requests 1000000

Requests come in equal rounds; after each, memory (PSS) and open descriptors of all processes are read. At the end the
proxy's counters must agree with what the client sent and saw, by version and role. Exit code 1 when
something does not hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from loadtests.cases import console, stage
from loadtests.counted import Row, by_label, settled, total
from loadtests.exact import Answers, send_exactly
from loadtests.processes import descriptors, pss_by_label
from loadtests.proxies import PEER, Plan, Proxy, proxied
from loadtests.traffic import write_bodies

MIB = 1024 * 1024
GROWTH_MIB = 8
"""What memory may grow in the second half: allocators and statistics that fill their bounds; a leak is linear."""
GROWTH_DESCRIPTORS = 16
"""A pool may open another few connections late; a leak would be one for each of thousands of requests."""


def flat(values: Sequence[float], allowed: float) -> bool:
    """Whether the last value is no more than `allowed` above the one in the middle: pools and reservoirs fill first."""
    return values[-1] <= values[len(values) // 2] + allowed


def differences(answers: Answers, samples: Mapping[Row, float]) -> list[str]:
    """Where the proxy's counters and the client's knowledge disagree; all sentences with both numbers."""
    counts = dict(samples)
    seen: Counter[str] = Counter()
    for (version, _), n in answers.items():
        seen[version] += n
    roles = by_label(counts, "penumbra_requests_total", "role")
    sent = seen.total()
    copies = roles["shadow"] + total(counts, "penumbra_shadow_dropped_total")
    checks = [("client requests", roles["primary"] + roles["canary"], sent), ("copies made or dropped", copies, sent)]
    for version, n in sorted(seen.items()):
        checks.append((f"answers of {version or 'nobody'}", answered_by(counts, version), n))
    return [
        f"{what}: counted {counted:,.0f}, the client says {known:,}"
        for what, counted, known in checks
        if counted != known
    ]


def answered_by(samples: Mapping[Row, float], version: str) -> float:
    """Legs of `version` whose answer went to the client."""
    counts = dict(samples)
    return sum(total(counts, "penumbra_requests_total", version=version, role=role) for role in ("primary", "canary"))


def soak(proxy: Proxy, bodies: Sequence[bytes], requests: int, turns: int) -> list[str]:
    """Sends the rounds and returns what did not hold."""
    memory: list[float] = []
    open_files: list[float] = []
    warm = settled(proxy.admin, 1)
    answers: Answers = Counter()
    for turn in range(turns):
        answers += send_exactly(proxy.port, bodies, requests // turns)
        memory.append(sum(pss_by_label(proxy.process.pid).values()) / MIB)
        open_files.append(descriptors(proxy.process.pid))
        console.print(f"  round {turn + 1}: {memory[-1]:.1f} MiB, {open_files[-1]} descriptors", highlight=False)
    before = sum(by_label(warm, "penumbra_requests_total", "role")[role] for role in ("primary", "canary"))
    after = settled(proxy.admin, before + answers.total())
    wrong = differences(answers, {row: value - warm.get(row, 0.0) for row, value in after.items()})
    if not flat(memory, GROWTH_MIB):
        wrong.append(f"memory grew: {', '.join(f'{value:.1f}' for value in memory)} MiB")
    if not flat(open_files, GROWTH_DESCRIPTORS):
        wrong.append(f"descriptors grew: {open_files}")
    return wrong


def main(
    requests: Annotated[int, typer.Option(min=1000, max=10_000_000)] = 200_000,
    turns: Annotated[int, typer.Option(min=4, max=100)] = 10,
    workers: Annotated[int, typer.Option(min=1, max=8)] = 1,
) -> None:
    """Runs the soak and says what did not hold."""
    with stage() as (stack, home, (primary, canary, shadow)):
        plan = Plan(primary, canary, shadow, statistics=True, workers=workers)
        proxy = stack.enter_context(proxied(PEER["penumbra"], plan, home))
        wrong = soak(proxy, lines_of(write_bodies(home / "bodies")), requests, turns)
    for sentence in wrong or [f"{requests:,} requests: memory and descriptors flat, counters exact"]:
        console.print(sentence, highlight=False)
    raise typer.Exit(bool(wrong))


def lines_of(path: Path) -> list[bytes]:
    """The bodies in a file, one a line."""
    return path.read_bytes().splitlines()


if __name__ == "__main__":
    typer.run(main)
