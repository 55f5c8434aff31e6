"""The page of protocols names all that the readers know."""

from __future__ import annotations

import pytest

from docs.generate import protocols
from proxy.payload.decode import CODECS
from proxy.payload.language.answers import FORMS
from proxy.payload.language.prompts import ASKED
from proxy.routing.inference import ENDS
from tests.payload.pairs import CORPUS, exchanges

PAGE = protocols.page()


def test_all_protocols_are_rows() -> None:
    assert [row.protocol for row in protocols.ROWS] == list(CODECS)


def test_all_paths_of_language_models_are_named() -> None:
    assert protocols.ends_of_apis() == set(ENDS["openai"])


@pytest.mark.parametrize("field", FORMS)
def test_all_forms_of_answers_are_named(field: str) -> None:
    assert f"`{field}`" in PAGE


def test_most_forms_of_requests_are_named() -> None:
    assert {field for field in ASKED if f"`{field}`" not in PAGE} <= {"text_2", "queries"}


def test_the_corpus_has_all_protocols() -> None:
    assert CORPUS.relative_to(CORPUS.parents[2]).as_posix() in PAGE
    assert {pair.protocol for pair in exchanges().values()} == set(CODECS) - {"grpc"}, "which tests/payload/grpc has"
