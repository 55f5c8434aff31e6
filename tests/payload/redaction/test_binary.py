"""Raw tensors in a document, and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.redaction.binary import put_out, taken_in
from proxy.payload.redaction.document import Uncertain


def document(*sizes: int) -> dict[str, Any]:
    tensors = [
        {"name": f"t{at}", "datatype": "UINT8", "parameters": {"binary_data_size": n}} for at, n in enumerate(sizes)
    ]
    return {"inputs": [*tensors, {"name": "json", "datatype": "UINT8", "data": [1]}], "outputs": [{"name": "y"}]}


@given(st.lists(st.binary(max_size=10), max_size=4))
def test_they_come_back_as_they_were(parts: list[bytes]) -> None:
    sizes = [len(part) for part in parts]
    made = document(*sizes)
    taken_in(made, b"".join(parts))
    assert [tensor["data"].data for tensor in made["inputs"][:-1]] == parts
    assert put_out(made) == b"".join(parts) and made == document(*sizes)


@pytest.mark.parametrize(("sizes", "data"), [((3,), b"ab"), ((3,), b"abcd"), ((-1,), b""), ((), b"x"), ((True,), b"x")])
def test_every_byte_belongs_to_a_tensor(sizes: tuple[int, ...], data: bytes) -> None:
    with pytest.raises(Uncertain, match="binary"):
        taken_in(document(*sizes), data)


def test_a_datatype_has_to_be_known() -> None:
    made = document(1)
    made["inputs"][0]["datatype"] = "FP8"
    with pytest.raises(Uncertain, match="binary"):
        taken_in(made, b"x")
