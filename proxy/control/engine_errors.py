"""What an engine refuses, beside transitions that the table of phases has not (`release.phases`)."""

from __future__ import annotations


class UnknownRouteError(Exception):
    """No route of this name is configured."""


class UnknownReleaseError(Exception):
    """There is no release of this name."""


class NotStoredYetError(Exception):
    """A change by hand is in force, and the disk has not taken it; the message says why."""
