"""The rule by which the memory of all processes is divided: what each takes when idle, then a budget for each.

A budget is for what waits or is kept: bodies, answers, records, evidence. It is counted in bytes of content; what the
allocator and the kernel add to them is in the headroom that `proxy.memory` leaves below the limit of the host.
"""

from __future__ import annotations

from typing import Final

MIB: Final = 1024 * 1024

SHED: Final = ("copies", "records", "rescues", "requests")
"""What a worker sheds when its budget is full, in this order; label values of `penumbra_shed_total`."""

IDLE_SUPERVISOR: Final = 16 * MIB
IDLE_CONTROL: Final = 64 * MIB
"""With numpy, whose pages come with the first bodies."""
IDLE_WORKER: Final = 24 * MIB
"""What each process takes before any traffic, pages that it shares with the others counted once (proportional set
size): 14, 45 and 17 MiB were measured, and the rest is for their first traffic."""

LEAST_BUDGET: Final = 32 * MIB
"""A process with less cannot work: the part of a worker's that is for exchanges has to take the 8 MiB of a body that
decides about its route, and control's a batch of records of 16 MiB."""

CONTROL_PART: Final = 1 / 3
"""Part for control of what is left beyond the least budgets. The workers share the rest alike: they hold what clients
send."""


def least(workers: int) -> int:
    """Bytes that `workers` workers and the other processes need at least."""
    return IDLE_SUPERVISOR + IDLE_CONTROL + workers * IDLE_WORKER + (1 + workers) * LEAST_BUDGET


def control_budget(total: int, workers: int) -> int:
    """Bytes that control may keep, of `total` for all processes."""
    return LEAST_BUDGET + int(_spare(total, workers) * CONTROL_PART)


def worker_budget(total: int, workers: int) -> int:
    """Bytes that each worker may keep, of `total` for all processes."""
    return LEAST_BUDGET + int(_spare(total, workers) * (1 - CONTROL_PART)) // workers


def _spare(total: int, workers: int) -> int:
    return max(total - least(workers), 0)
