"""Requests are what the Open Inference Protocol says, of the size that was asked for, and the same on every run."""

import json
import random
from pathlib import Path

import pytest

from loadtests.traffic import DISTINCT, answer_body, padded_body, request_body, write_bodies


@pytest.mark.parametrize("features", [3, 30, 300])
def test_a_row_has_its_features(features: int) -> None:
    tensor = json.loads(request_body(features, random.Random(1)))["inputs"][0]
    assert tensor["shape"] == [1, features]
    assert len(tensor["data"]) == features


def test_thirty_features_make_less_than_half_a_kilobyte() -> None:
    assert 250 <= len(request_body(30, random.Random(1))) <= 500


@pytest.mark.parametrize("size", [1024, 64 * 1024, 1024 * 1024])
def test_padded_bodies_are_exact_and_valid(size: int) -> None:
    body = padded_body(size, random.Random(1))
    assert len(body) == size
    assert json.loads(body)["inputs"][0]["datatype"] == "BYTES"


def test_a_body_cannot_be_smaller_than_a_request() -> None:
    with pytest.raises(ValueError, match="10 bytes"):
        padded_body(10, random.Random(1))


def test_bodies_are_distinct_and_repeat_with_their_seed(tmp_path: Path) -> None:
    lines = write_bodies(tmp_path / "a").read_bytes().splitlines()
    assert len(set(lines)) == DISTINCT
    assert lines == write_bodies(tmp_path / "b").read_bytes().splitlines()
    assert lines != write_bodies(tmp_path / "c", seed=8).read_bytes().splitlines()


def test_answers_name_their_version() -> None:
    assert json.loads(answer_body("v2", 0.5))["model_version"] == "v2"
