"""The limit of open files of a process, kept as high as it may be."""

from __future__ import annotations

import resource

MAX_DESCRIPTORS = 1_048_576
"""Open files that a process asks for at most: Linux's own ceiling (fs.nr_open), whatever a container says."""


def raise_descriptor_limit() -> int:
    """Raises the soft limit of open files to the hard one; the limit in force.

    The usual soft limit, 1,024, is there for programs that use select(2). Who lowers it while this runs (prlimit(1)) is
    not followed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return most
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
