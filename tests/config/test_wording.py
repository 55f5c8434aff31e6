"""Lines of a scorecard as a file has them."""

from __future__ import annotations

import yaml

from proxy.config.wording import written
from proxy.contracts.settings import ASSUMED


def test_what_is_written_can_be_read() -> None:
    tree = yaml.safe_load(written(ASSUMED))
    assert tree == {metric: limit.given() for metric, limit in ASSUMED.items()}
