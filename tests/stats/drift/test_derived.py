"""Drift of texts, embeddings and images, by what is derived of them; and no alarm where nothing changes."""

from __future__ import annotations

import random
from array import array
from base64 import b64encode
from collections.abc import Callable
from math import hypot
from pydoc_data.topics import topics

import numpy as np
import pytest

from proxy.contracts.observation import Tensor
from proxy.contracts.table import Protocol
from proxy.stats.drift.derived import LEARNT_TEXTS, MAX_VOCABULARIES, Derivation, _lengths, derived_tables, needs
from proxy.stats.drift.features import is_derived
from proxy.stats.drift.profile import profile_of
from proxy.stats.drift.streams import Streams
from tests.payload.bodies import read
from tests.payload.painted import bmp
from tests.support.observed import observation

WORDS = " ".join(topics.values()).split()
CYRILLIC = str.maketrans("abcdefghijklmnopqrstuvwxyz", "абцдефгхийклмнопярстувшыжз")
Draw = Callable[[np.random.Generator, int], tuple[Tensor, ...]]


def sentence(seed: int, vocabulary: list[str]) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(vocabulary) for _ in range(rng.randint(15, 40)))


def asked(text: str) -> tuple[Tensor, ...]:
    return read("openai", {"model": "m", "messages": [{"role": "user", "content": text}]}).inputs


def embedding(shift: float) -> Draw:
    def draw(rng: np.random.Generator, _: int) -> tuple[Tensor, ...]:
        point = rng.standard_normal(384) + np.where(np.arange(384) < 192, shift, 0.0)
        return (Tensor("embedding", 1, 384, "number", point.tolist(), vector=True),)

    return draw


def image(brightness: float) -> Draw:
    def draw(rng: np.random.Generator, _: int) -> tuple[Tensor, ...]:
        pixels = np.clip(rng.normal(rng.normal(brightness, 10.0), 40.0, 3 * 12 * 12), 0, 255)
        return (Tensor("image", 1, pixels.size, "number", pixels.tolist()),)

    return draw


PLAIN, OTHER = WORDS[:3000], [word[::-1] + "x" for word in WORDS[:3000]]
CASES: dict[str, tuple[Draw, Draw, str]] = {
    "script": (
        lambda _, at: asked(sentence(at, PLAIN)),
        lambda _, at: asked(sentence(at, PLAIN).lower().translate(CYRILLIC)),
        "prompt:script",
    ),
    "words": (
        lambda _, at: asked(sentence(at, PLAIN)),
        lambda _, at: asked(sentence(at, OTHER)),
        "prompt:unseen",
    ),
    "embedding": (embedding(0.0), embedding(0.5), "embedding:projection"),
    "image": (image(128.0), image(60.0), "image:mean"),
}


def run(before: Draw, after: Draw, n: int = 1600) -> set[str]:
    streams, rng = Streams(reference=800), np.random.default_rng(3)
    for at in range(2 * n):
        body = (before if at < n else after)(rng, at)
        leg = observation((0, "a"), at, "", "r", "v1", "primary", 1.0, 200, "", 0.0, 0.0, 0.0, inputs=body)
        streams.update([leg], at / 100)
    streams.flush(at / 100 + 5)
    assert not streams.violations
    return {row.feature for row in streams.drift({"input": 0.2, "prediction": 0.2}) if row.drifted}


@pytest.mark.parametrize("name", CASES)
def test_what_changes_in_a_text_a_vector_or_an_image_is_named(name: str) -> None:
    before, after, feature = CASES[name]
    assert any(each.startswith(feature) for each in run(before, after))


@pytest.mark.parametrize("name", CASES)
def test_what_stays_raises_no_alarm(name: str) -> None:
    before, _, _ = CASES[name]
    assert not run(before, before, 2000)


def test_a_profile_without_them_does_not_lack_them() -> None:
    streams = Streams(reference=200)
    streams.use_profile(profile_of({"note.chars": [float(80 + at % 40) for at in range(500)]}, {}))
    for at in range(300):
        inputs = read("json", {"note": "x" * (80 + at % 40)}).inputs
        leg = observation((0, "a"), at, "", "r", "v1", "primary", 1.0, 200, "", 0.0, 0.0, 0.0, inputs=inputs)
        streams.update([leg], at / 100)
    streams.flush(10.0)
    assert not streams.violations


def test_a_vocabulary_is_of_the_primarys_first_texts() -> None:
    derivation = Derivation()

    def unseen(text: str, teaches: bool = True) -> object:
        made = derivation.features((Tensor("", 1, 1, "number", [1.0], ("n",), texts=(("t", (text,)),)),), teaches)
        return next((each.data[0] for each in made if each.columns == ("t:unseen",)), None)

    assert unseen("a candidate came first", teaches=False) is None
    for _ in range(LEARNT_TEXTS):
        assert unseen("the cat sat") is None
    assert unseen("the dog sat") == pytest.approx(1 / 3)
    assert unseen("", teaches=False) == 0.0


def test_vocabularies_are_bounded_and_plain_bodies_are_left_alone() -> None:
    derivation = Derivation()
    for _ in range(LEARNT_TEXTS + 1):
        texts = tuple((f"t{at}", ("word",)) for at in range(MAX_VOCABULARIES + 3))
        made = derivation.features((Tensor("", 1, 1, "number", [1.0], ("n",), texts=texts),), True)
    assert sum(each.columns[0].endswith(":unseen") for each in made) == MAX_VOCABULARIES
    assert not needs((Tensor("x", 1, 3, "number", [1.0] * 3),))
    assert not is_derived("x.mean") and is_derived("x:projection[3]")


@pytest.mark.parametrize("protocol", ["json", "oip"])
def test_long_texts_of_a_body_are_kept_beside_their_length(protocol: Protocol) -> None:
    text = "word " * 30
    body = (
        {"note": text, "n": 1}
        if protocol == "json"
        else {"inputs": [{"name": "note", "datatype": "BYTES", "shape": [1], "data": [text]}]}
    )
    assert [each.texts for each in read(protocol, body).inputs if each.texts] == [(("note", (text,)),)]


def test_pictures_that_get_darker_drift_and_are_never_unexpected() -> None:
    """A profile of a file that was made before pictures were measured knows none of their features."""
    streams = Streams(reference=300)
    given_before = profile_of({"b64.chars": [100.0, 110.0] * 50}, {})
    other = Streams(reference=300)
    other.use_profile(given_before)
    for at in range(3000):
        shade = 200 + at % 20 if at < 1000 else 90 + at % 20
        body = {"instances": [{"b64": b64encode(bmp([bytes([shade]) * 30] * 10, 10)).decode()}]}
        inputs = read("kserve-v1", body).inputs
        leg = observation((0, "a"), at, "", "r", "v1", "primary", 1.0, 200, "", 0.0, 0.0, 0.0, inputs=inputs)
        streams.update([leg], at / 100)
        other.update([leg], at / 100)
    for each in (streams, other):
        each.flush(40.0)
    drifted = {row.feature for row in streams.drift({"input": 0.2, "prediction": 0.2}) if row.drifted}
    assert drifted == {"b64:brightness"}
    assert not streams.violations and other.violations.keys() <= {("v1", "primary", "range")}


@pytest.mark.parametrize("width", [201, 1000, 5000])
@pytest.mark.parametrize("vector", [False, True])
def test_bodies_together_have_what_each_has_alone(width: int, vector: bool) -> None:
    rng = np.random.default_rng(7)
    rows = [(rng.standard_normal(width) * 10.0 ** rng.integers(-160, 160)).tolist() for _ in range(70)]
    rows[3], rows[5][0], rows[6][1] = [0.0] * width, float("nan"), float("inf")
    bodies = [
        (Tensor("e", 1, width, "number", row if at % 2 else array("d", row), vector=vector),)
        for at, row in enumerate(rows)
    ]
    alone = [Derivation().features(body, True)[1:] for body in bodies]
    tables = derived_tables(bodies)
    assert [names for names, _ in tables] == [tensor.columns for tensor in alone[0]]
    for at, (_, table) in enumerate(tables):
        np.testing.assert_array_equal(table, [made[at].data for made in alone])


def test_what_is_derived_of_numbers_is_what_their_formulas_say() -> None:
    rng = np.random.default_rng(7)
    rows = [(rng.standard_normal(1536) * scale).tolist() for scale in (1e-200, 0.03, 1.0, 1e140)]
    (directions, along), (_, summed) = derived_tables([(Tensor("e", 1, 1536, "number", row),) for row in rows])
    assert directions[-1] == "e:norm"
    tiny, huge = _lengths(np.array([[3e-200, 4e-200], [3e200, 4e200]])).tolist()
    assert (tiny, huge) == (hypot(3e-200, 4e-200), hypot(3e200, 4e200))
    for row, made, (mean, spread) in zip(rows, along, summed, strict=True):
        assert made[-1] == pytest.approx(hypot(*row), rel=1e-14)
        assert mean == float(np.mean(row)) and spread == pytest.approx(float(np.std(row)), rel=1e-14)
        assert np.abs(made[:-1]).max() <= 1536**0.5 * (1.0 + 1e-9)  # lines of that length, a direction of length 1


def test_many_wide_bodies_of_a_batch_are_judged_as_one_by_one() -> None:
    def judged(at_once: int) -> object:
        streams, rng = Streams(reference=200), np.random.default_rng(5)
        legs = [
            observation(
                *((0, "a"), at, "", "r", "v1", "primary", 1.0, 200, "", 0.0, 0.0, 0.0),
                inputs=image(100.0 if at < 600 else 140.0)(rng, at),
            )
            for at in range(1200)
        ]
        for at in range(0, len(legs), at_once):
            streams.update(legs[at : at + at_once], 1.0)
        streams.flush(10.0)
        return streams.drift({"input": 0.2, "prediction": 0.2})

    assert judged(1) == judged(8)
