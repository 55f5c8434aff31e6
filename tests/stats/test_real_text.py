"""Real text: small language models (word trigrams of the Python documentation) as primary and candidate, through
payload and statistics. What is measured is the part of the answers that was changed, and a model that samples is not
flagged for differing from itself."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from functools import cache
from math import log, sqrt
from pydoc_data.topics import topics

import pytest

from proxy.contracts.evidence import Evidence
from proxy.contracts.observation import Observation
from proxy.contracts.settings import Guard, Limit
from proxy.contracts.table import Role
from proxy.payload.decode import decode
from proxy.stats.board import Board
from tests.support.records import record

FALSE_ALARM = 0.001
BUDGET = 0.05
Model = dict[tuple[str, str], list[str]]


@cache
def trained(part: int) -> Model:
    """A model of every second topic."""
    model: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for text in list(topics.values())[part::2]:
        words = text.split()
        for one, two, three in zip(words, words[1:], words[2:], strict=False):
            model[one, two].append(three)
    return dict(model)


@cache
def starts(part: int) -> list[tuple[str, str]]:
    """Pairs of words that an answer may begin with."""
    return sorted(trained(part))


def said(part: int, rng: random.Random, words: int = 40) -> str:
    """An answer: `words` words drawn one after another."""
    model, first = trained(part), starts(part)
    state = rng.choice(first)
    text = list(state)
    while len(text) < words:
        following = model.get(state)
        state = rng.choice(first) if following is None else (state[1], rng.choice(following))
        text.append(state[1])
    return " ".join(text)


def leg(exchange: int, role: Role, version: str, text: str, copies: int) -> Observation:
    message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = json.dumps({"object": "chat.completion", "model": "m", "choices": [message]}).encode()
    asked = json.dumps({"messages": [{"role": "user", "content": f"question {exchange}"}]}).encode()
    made = record(
        exchange=exchange, role=role, version=version, response=body, request=asked if role == "primary" else None,
        copies=copies if role == "primary" else -1,
    )  # fmt: skip
    return decode(made, "openai", (0, "a"))


def judged(board: Board) -> Evidence:
    (line,) = board.evidence("r", 100.0)
    return line


def board() -> Board:
    made = Board()
    guard = Guard({"disagreement": Limit(max=BUDGET)}, false_alarm=FALSE_ALARM)
    made.watch("r", ("v2",), "v1", guard, "openai", 0.0)
    return made


@pytest.mark.parametrize("changed", [0.0, 0.02, 0.2])
def test_a_known_part_of_changed_answers_is_measured_as_that_part(changed: float) -> None:
    made, rng, n, differ = board(), random.Random(f"changed {changed}"), 1500, 0
    for exchange in range(n):
        answer = said(0, random.Random(exchange))
        # A changed answer is another model's; the others have a word edited, or are written in other lines.
        other = rng.random() < changed
        copy = said(1, random.Random(-exchange - 1)) if other else answer.replace(" ", "  ", 3) + " indeed"
        differ += other
        legs = [leg(exchange, "primary", "v1", answer, 1), leg(exchange, "shadow", "v2", copy, 1)]
        made.on_observations(legs, exchange / 100)
    line = judged(made)
    assert line.n == n
    assert line.value == pytest.approx(differ / n)
    assert abs((line.value or 0.0) - changed) <= 4.0 * sqrt(changed * (1.0 - changed) / n)
    assert (line.log_breach >= log(1.0 / FALSE_ALARM)) is (changed > BUDGET)


def sampled(exchange: int, draw: int, other: float) -> str:
    """An answer with sampling on: with the probability `other` one of its own, else the likeliest."""
    rng = random.Random(f"{exchange} {draw}")
    return said(0, rng if rng.random() < other else random.Random(exchange))


@pytest.mark.parametrize(("own", "flagged"), [(0.4, False), (0.8, True)])
def test_a_model_that_samples_is_held_against_its_own_noise(own: float, flagged: bool) -> None:
    """The primary gives four answers of ten anew each time; a candidate that does so is the same, one with eight is
    not."""
    made = board()
    for exchange in range(800):
        legs = [
            leg(exchange, "primary", "v1", sampled(exchange, 0, 0.4), 2),
            leg(exchange, "noise", "v1", sampled(exchange, 1, 0.4), 2),
            leg(exchange, "shadow", "v2", sampled(exchange, 2, own), 2),
        ]
        made.on_observations(legs, exchange / 100)
    line = judged(made)
    assert (line.value or 0.0) > 10 * BUDGET  # which by itself would be a breach
    assert (line.log_breach >= log(1.0 / FALSE_ALARM)) is flagged
