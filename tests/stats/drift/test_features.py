"""Names of the columns of a tensor, given by the protocol or made."""

from __future__ import annotations

import pytest

from proxy.stats.drift.features import Block, names_of


@pytest.mark.parametrize(
    ("block", "names"),
    [
        (("x", (), 1, "number"), ("x",)),
        (("x", (), 3, "number"), ("x[0]", "x[1]", "x[2]")),
        (("x", ("age", "income"), 2, "number"), ("age", "income")),
        (("color", (), 1, "category"), ("color",)),
    ],
)
def test_names(block: Block, names: tuple[str, ...]) -> None:
    assert names_of(block) == names
