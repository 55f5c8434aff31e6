"""Legs to compared pairs: one by one and in batches, with noise and without."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.contracts.observation import Observation, Tensor
from proxy.contracts.settings import Analysis
from proxy.stats.agreement.comparer import MIN_BATCH, Comparer, PairResult
from proxy.stats.row_sample import MAX_TEXTS

ANALYSIS = Analysis()


def leg(exchange: int, role: str, version: str, value: float, copies: int = 1, status: int = 200) -> Observation:
    return Observation(
        exchange=exchange,
        request_id=str(exchange),
        route="r",
        version=version,
        role=role,  # type: ignore[arg-type]
        share=1.0,
        status=status,
        failure="",
        started=0.0,
        first_byte=0.0,
        total=0.0,
        copies=copies,
        source=(0, "a"),
        outputs=(Tensor("y", 1, 1, "number", [value]),),
    )


def compared(values: list[float]) -> tuple[Comparer, list[PairResult]]:
    """Copies that answer `values` where the primary answered 1."""
    comparer = Comparer()
    comparer.update([leg(at, "primary", "v1", 1.0) for at in range(len(values))], ANALYSIS, 0.0)
    return comparer, comparer.update([leg(at, "shadow", "v2", each) for at, each in enumerate(values)], ANALYSIS, 0.0)


def test_a_batch_counts_as_its_pairs_do_one_by_one() -> None:
    values = [1.0, 2.0, 1.0, 5.0] * MIN_BATCH
    comparer, (batch,) = compared(values)
    alone = Comparer()
    results = []
    for at, value in enumerate(values):
        alone.update([leg(at, "primary", "v1", 1.0)], ANALYSIS, 0.0)
        results += alone.update([leg(at, "shadow", "v2", value)], ANALYSIS, 0.0)
    assert batch == PairResult("r", "v2", len(values), len(values) // 2)
    assert (sum(each.pairs for each in results), sum(each.disagreed for each in results)) == (
        batch.pairs,
        batch.disagreed,
    )
    assert comparer.tallies == alone.tallies
    assert [each.shift for each in comparer.worst("r", "v2")] == [each.shift for each in alone.worst("r", "v2")]


def test_what_agrees_by_a_sample_says_so() -> None:
    texts = [f"a text of seven words or so, {at}" for at in range(2 * MAX_TEXTS)]
    alike, one, none = [each + " now" for each in texts], [texts[0] + " now", *texts[1:]], ["no"] * len(texts)
    comparer = Comparer()
    for at, others in enumerate((alike, one, none)):
        for role, data in (("primary", texts), ("shadow", others)):
            outputs = (Tensor("y", len(data), 1, "category", data),)
            comparer.update([replace(leg(at, role, role, 1.0), outputs=outputs)], ANALYSIS, 0.0)
    tally = comparer.tallies["r", "shadow", "shadow"]
    assert (tally.pairs, tally.disagreements, tally.sampled) == (3, 1, 1)
    tally += tally
    assert tally.sampled == 2


def test_the_worst_are_shown_first_until_the_redaction_changes() -> None:
    comparer, _ = compared([1.0, 3.0, 9.0])
    assert [example.shift for example in comparer.worst("r", "v2")] == [8.0, 2.0]
    comparer.forget("r")
    assert comparer.worst("r", "v2") == []


def test_a_shadow_is_held_beside_the_noise_copy_of_its_request() -> None:
    comparer = Comparer()
    comparer.update([leg(1, "primary", "v1", 1.0, copies=2)], ANALYSIS, 0.0)
    assert comparer.update([leg(1, "noise", "v1", 5.0)], ANALYSIS, 0.0) == []
    results = comparer.update([leg(1, "shadow", "v2", 1.0)], ANALYSIS, 0.0)
    assert results == [PairResult("r", "v2", 1, 0), PairResult("r", "v2", noise_pair=(False, True))]
    assert comparer.tallies["r", "v1", "noise"].disagreements == 1


def test_a_reference_that_failed_says_nothing() -> None:
    comparer = Comparer()
    comparer.update([leg(1, "primary", "v1", 1.0, status=500)], ANALYSIS, 0.0)
    assert comparer.update([leg(1, "shadow", "v2", 1.0)], ANALYSIS, 0.0) == []
    assert not comparer.tallies


def test_copies_that_never_meet_their_reference_are_counted() -> None:
    comparer = Comparer()
    comparer.update([leg(1, "shadow", "v2", 1.0)], ANALYSIS, 0.0)
    comparer.expire(1e6)
    assert comparer.unpaired() == {"late": 1}
    assert (comparer.unpaired_of("r", "v2"), comparer.unpaired_of("r", "v3")) == (1, 0)


def test_exchanges_that_differ_are_told_once_whether_in_a_batch_or_alone() -> None:
    for values in ([1.0, 5.0] * MIN_BATCH, [1.0, 5.0]):
        comparer, _ = compared(values)
        assert comparer.differing() == [((0, "a"), at) for at in range(1, len(values), 2)]
        assert comparer.differing() == []
