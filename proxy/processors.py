"""The CPUs that all processes together may use: those of the affinity mask, and the quota of the control group.

A container that may use two of 64 CPUs, or half a CPU of each 100 ms, sees 64 of them; with as many workers all of them
stand still for the rest of each period, control among them.
"""

from __future__ import annotations

import logging
import os

from msgspec.structs import replace

from proxy.cgroup import cpu_quota
from proxy.contracts.settings import Settings
from proxy.logs import fields

log = logging.getLogger("penumbra.supervisor")


def processors() -> float:
    """CPUs that there are for this process and its children; a part of one where the quota is less."""
    mask = len(os.sched_getaffinity(0))
    return min(mask, cpu_quota() or mask)


def workers_for(found: float) -> int:
    """As many workers as there are whole CPUs, at least one: the part that is left over is control's."""
    return max(int(found), 1)


def with_processors(settings: Settings) -> Settings:
    """The settings with the CPUs that there are for this start; the log says how many, and what they are for."""
    found, quota, mask = processors(), cpu_quota(), len(os.sched_getaffinity(0))
    settings = replace(settings, processors=found)
    facts = fields(found=found, affinity=mask, quota=quota, workers=settings.workers, analysis=settings.analysis_part)
    log.info("processors", extra=facts)
    if settings.workers > max(found, 1):
        log.warning("more workers than processors", extra=fields(workers=settings.workers, found=found))
    return settings
