"""The datatypes of tensors: one table, which those of numpy and of the descriptors of gRPC agree with."""

from __future__ import annotations

import numpy as np

from proxy.contracts.datatypes import CONTENTS_FIELDS, FLOAT_TYPES, INTEGER_TYPES, LETTERS, WIDTHS


def test_the_name_of_a_datatype_says_its_kind_and_its_bits() -> None:
    kinds = {"BOOL": "b", "UINT": "u", "INT": "i", "FP": "f"}
    for datatype, letter in LETTERS.items():
        stem, bits = datatype.rstrip("0123456789"), int(datatype.lstrip("BOLUINTFP") or 8)
        assert np.dtype(f"<{letter}").kind == kinds[stem], datatype
        assert 8 * np.dtype(f"<{letter}").itemsize == 8 * WIDTHS[datatype] == bits, datatype


def test_every_datatype_is_whole_or_not_and_has_one_field_of_typed_contents_unless_it_is_raw_alone() -> None:
    numbers = INTEGER_TYPES | FLOAT_TYPES
    assert not INTEGER_TYPES & FLOAT_TYPES and numbers == set(WIDTHS) == set(LETTERS) | {"BF16"}
    assert set(CONTENTS_FIELDS) == numbers - {"FP16", "BF16"} | {"BYTES"}
