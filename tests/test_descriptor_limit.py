"""The limit of open files, which is as high as it may be."""

from __future__ import annotations

import resource

from proxy.descriptor_limit import raise_descriptor_limit


def test_a_lowered_limit_is_raised_again() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        most = raise_descriptor_limit()
        assert most == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 64
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
        assert raise_descriptor_limit() == most == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
