"""What an answer predicts, by what its outputs are."""

import pytest

from proxy.contracts.observation import Tensor
from proxy.stats.quality.predictions import Prediction, predictions_of


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ((Tensor("p", 1, 1, "number", [2.0], integer=True),), (Prediction(2),)),
        ((Tensor("p", 1, 1, "category", ["cat"]),), (Prediction("cat"),)),
        ((Tensor("p", 1, 1, "number", [2.5]),), (Prediction(number=2.5),)),
        (
            (Tensor("p", 2, 2, "number", [0.1, 0.9, 0.8, 0.2]),),
            (Prediction(scores=(0.1, 0.9)), Prediction(scores=(0.8, 0.2))),
        ),
        (
            (Tensor("l", 1, 1, "number", [1.0], integer=True), Tensor("p", 1, 2, "number", [0.1, 0.9])),
            (Prediction(1, (0.1, 0.9)),),
        ),
        ((Tensor("e", 1, 3, "number", [1.0, 2.0, 3.0], vector=True),), ()),
        ((), ()),
    ],
)
def test_what_outputs_say(outputs: tuple[Tensor, ...], said: tuple[Prediction, ...]) -> None:
    assert predictions_of(outputs) == said
