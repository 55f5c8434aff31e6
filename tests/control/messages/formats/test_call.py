"""Bodies are JSON, whatever stands in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.contracts.messages import FORMATS
from proxy.control.messages.formats.call import cut, fit, in_json
from proxy.control.messages.formats.table import WRITE
from tests.control.messages.notes import AROUND, EVIL, MESSAGE


def test_a_text_is_cut_with_a_sign() -> None:
    assert cut("of\nno use" + chr(0x202E), 6) == "of no…" and in_json({"a": "ü"}) == '{"a": "ü"}'.encode()


@given(st.text(max_size=300), st.integers(8, 100))
def test_a_text_fits_in_bytes_and_is_one_line(text: str, most: int) -> None:
    made = fit(text, most)
    assert len(made.encode(errors="replace")) <= most and made.isprintable()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("state", ["told", "firing", "acknowledged", "resolved"])
def test_every_format_writes_whatever_strangers_have_written(form: str, state: str) -> None:
    message = replace(MESSAGE, title=EVIL, text=EVIL, state=state, routes=("r" * 100,) * 40)
    call = WRITE[form](message, AROUND)  # type: ignore[index]
    assert json.loads(call.body) and call.body.decode()
    assert len(call.body) < 100_000 and all("\n" not in value and value.isascii() for value in call.fields.values())
    assert call.path == FORMATS[form].path or form == "kubernetes"  # type: ignore[index]
