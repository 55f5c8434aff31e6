"""Bodies come from strangers: whatever they hold, nothing from payload to evidence raises."""

from typing import Any

import msgspec
import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.contracts.settings import Analysis, Guard, Limit
from proxy.contracts.table import Protocol
from proxy.payload.decode import CODECS, decode
from proxy.stats.board import Board
from tests.support.records import record as made

GUARD = Guard(
    scorecard={
        "disagreement": Limit(max=0.05),
        "input_drift": Limit(max_psi=0.2),
        "prediction_drift": Limit(max_psi=0.2),
        "contract_violations": Limit(max=0.01, max_ratio=2.0),
        "time_to_first_token": Limit(max_ratio=1.5),
        "accuracy": Limit(min=0.5, max_drop=0.1),
        "f1": Limit(min=0.5),
        "auroc": Limit(min=0.5),
        "log_loss": Limit(max=1.0),
        "mae": Limit(max=1.0, max_ratio=1.5),
    }
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "x" * 99])
)
ROWS = st.lists(
    VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=3
)


@st.composite
def tensors(draw: st.DrawFn) -> dict[str, Any]:
    rows, width = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    datatype = draw(st.sampled_from(["FP32", "INT64", "BYTES", "BOOL"]))
    data = draw(
        st.lists(VALUES if datatype != "BYTES" else st.text(max_size=3), min_size=rows * width, max_size=rows * width)
    )
    return {"name": draw(st.sampled_from("xy")), "shape": [rows, width], "datatype": datatype, "data": data}


OIP = st.lists(tensors(), max_size=2).map(lambda found: {"inputs": found, "outputs": found})
CHAT = st.fixed_dictionaries({"choices": st.lists(st.fixed_dictionaries({"text": st.text(max_size=9)}), max_size=1)})
DOCUMENTS = OIP | CHAT | ROWS.map(lambda rows: {"instances": rows, "predictions": rows, "data": rows, "prompt": "x"})
LEG = st.tuples(
    st.sampled_from(["primary", "canary", "shadow", "noise", "rescue"]), DOCUMENTS, st.sampled_from([200, 500])
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(CODECS)), st.lists(LEG, min_size=1, max_size=12), st.lists(VALUES | ROWS, max_size=4))
def test_nothing_raises_and_everything_can_be_shown(protocol: Protocol, legs: list[Any], labels: list[Any]) -> None:
    board = Board()
    board.watch("r", ("v2",), "v1", GUARD, protocol, 0.0, Analysis(reference=2, detectors=("x", "x[0]", "a")))
    for at, (role, document, status) in enumerate(legs):
        version = "v2" if role in ("canary", "shadow") else "v1"
        body = orjson.dumps(document)
        which = {"exchange": at // 2, "request_id": str(at // 2), "version": version, "role": role, "share": 0.5}
        record = made(**which, status=status, request=body, response=body)
        with np.errstate(all="ignore"):
            board.on_observations([decode(record, protocol, (0, "a"))], float(at) * 2)
    with np.errstate(all="ignore"):
        board.on_time(1e4)
        for at, label in enumerate(labels):
            board.on_label(str(at), label, 0.0)
        shown = (
            board.evidence("r", 0.0),
            board.drift("r"),
            board.findings("r"),
            board.examples("r", "v2"),
            board.profile("r"),
        )
    assert msgspec.json.encode(shown)
    assert len(shown[0]) == 13
