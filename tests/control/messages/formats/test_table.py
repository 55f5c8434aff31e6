"""Every format that the configuration knows is written, and no other."""

from __future__ import annotations

from typing import get_args

from proxy.contracts.messages import FORMATS, MessageFormat
from proxy.control.messages.formats.table import WRITE


def test_formats_are_the_same_everywhere() -> None:
    assert WRITE.keys() == FORMATS.keys() == {*get_args(MessageFormat)}
