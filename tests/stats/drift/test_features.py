"""Names of the columns of a tensor, given by the protocol or made."""

from __future__ import annotations

import pytest

from proxy.contracts.bounds import MAX_NAME
from proxy.contracts.observation import Tensor
from proxy.stats.door import admitted
from proxy.stats.drift.features import Block, feature_name, names_of
from tests.support.observed import observation


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


@pytest.mark.parametrize("length", [5, MAX_NAME - 2, MAX_NAME, MAX_NAME + 1, 1000])
@pytest.mark.parametrize("width", [1, 3])
def test_a_feature_has_the_same_name_in_a_configuration_as_from_a_body(length: int, width: int) -> None:
    body = (Tensor("n" * length, 1, width, "number", [0.0] * width),)
    leg = admitted(observation((0, "a"), 1, "", "r", "v", "primary", 1.0, 200, "", 0, 0, 0, inputs=body))
    whole = names_of(("n" * length, (), width, "number"))
    assert tuple(map(feature_name, whole)) == names_of((leg.inputs[0].name, (), width, "number"))


def test_a_name_that_no_text_can_hold_is_a_label_all_the_same() -> None:
    columns = names_of(("\ud800", (), 2, "number")) + names_of(("", ("\udfffa",), 1, "number"))
    assert columns == ("?[0]", "?[1]", "?a") == (feature_name("\ud800[0]"), "?[1]", feature_name("\udfffa"))
