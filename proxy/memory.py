"""The memory that all processes together may take: as configured, or as the host lets them.

1. `limits.memory` says it.
2. Otherwise the least limit of the host, less `HEADROOM`: that of the control group, of the address space or of the
   data segment of a process (setrlimit(2); those hold for each process, but one must not need more than all).
3. Otherwise half of the machine's memory, at most `USUAL` and `USUAL_WORKER` for each worker: a sidecar that needs more
   is a fault.

A limit of the host below what the processes need at all is a warning, not an end: an outage would be worse.
"""

from __future__ import annotations

import logging
import os
import resource

from msgspec.structs import replace

from proxy.cgroup import memory_limit
from proxy.contracts.memory import MIB, least
from proxy.contracts.settings import Settings
from proxy.logs import fields

log = logging.getLogger("penumbra.supervisor")

HEADROOM = 0.15
"""Part of the host's limit that is left free: what the allocator adds to the content that budgets count, and the
kernel's buffers of sockets, which a control group counts, too."""

USUAL, USUAL_WORKER = 1024 * MIB, 512 * MIB


def host_limit() -> int | None:
    """Bytes that the host lets a process take; None: it says nothing."""
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    given = [limit for limit in limits if limit != resource.RLIM_INFINITY]
    return min([*given, *filter(None, [memory_limit()])], default=None)


def usual(workers: int, host: int | None, physical: int) -> int:
    """Bytes for all processes where the configuration does not say. `host`: its limit; `physical`: its memory."""
    if host is not None:
        return int(min(host, physical) * (1 - HEADROOM))
    return min(physical // 2, USUAL + workers * USUAL_WORKER)


def with_memory(settings: Settings) -> Settings:
    """The settings with the memory that there is for this start; the log says how much, and for whom."""
    host, needed = host_limit(), least(settings.workers)
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    total = settings.memory_limit or usual(settings.workers, host, physical)
    if total < needed or (host is not None and total > host):
        log.warning("memory is short", extra=fields(found=total, host=host, least=needed))
    found = replace(settings, memory_total=max(total, needed))
    log.info("memory", extra=fields(total=total, host=host, control=found.memory, worker=found.worker_memory))
    return found
