"""Who gets the next request among several endpoints, told request by request."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from proxy.contracts.endpoint_state import DRAINING, EJECTED, SERVING, UNREACHABLE, WARMING
from proxy.contracts.table import Balance
from proxy.dataplane.endpoints import ServerEndpoint
from proxy.dataplane.members import LEAST_PART, MAX_EJECTION_SECONDS, Member, Members

NOW = 1000.0
BALANCE = Balance()


def endpoints(count: int) -> list[ServerEndpoint]:
    return [ServerEndpoint((2, f"10.0.0.{i}", 80)) for i in range(count)]


def members(*given: ServerEndpoint, balance: Balance = BALANCE) -> Members:
    made = Members(balance)
    made.follow(list(given), NOW)
    return made


def shares(those: Members, count: int = 4000) -> dict[str, float]:
    """Parts of requests that end at once, by the last number of their endpoint's address."""
    random = Random(1)
    picked = Counter(those.pick(random.random(), random.random()).endpoint.host[-1] for _ in range(count))
    return {host: n / count for host, n in picked.items()}


def fail(those: Members, member: Member, times: int, now: float = NOW) -> list[bool]:
    return [those.failed(member, now) for _ in range(times)]


def test_one_endpoint_is_no_choice() -> None:
    assert not Members(BALANCE).several
    assert not members(*endpoints(1)).several and members(*endpoints(2)).several


def test_idle_endpoints_share_the_requests_evenly_none_is_the_first_one() -> None:
    assert all(abs(share - 1 / 3) < 0.03 for share in shares(members(*endpoints(3))).values())


def test_the_less_busy_of_two_gets_the_request() -> None:
    those = members(*endpoints(2))
    busy = those.of(those._members[0].endpoint)
    busy.active = 1
    assert shares(those) == {"1": 1.0}


@given(st.integers(2, 8), st.integers(0, 2**32))
def test_of_requests_that_last_nobody_has_many_more_than_the_mean(count: int, seed: int) -> None:
    those, random = members(*endpoints(count)), Random(seed)
    for _ in range(20 * count):
        those.pick(random.random(), random.random()).active += 1
    active = [member.active for member in those._members]
    assert max(active) <= 20 + 8, active


@given(
    st.lists(st.tuples(st.floats(0.001, 1000), st.integers(0, 2), st.integers(0, 9)), min_size=2, max_size=9),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
)
def test_whoever_is_picked_serves(drawn: list[tuple[float, int, int]], chance: float, other: float) -> None:
    given = endpoints(len(drawn))
    for each, (weight, priority, _) in zip(given, drawn, strict=True):
        each.weight, each.priority = weight, priority
    those = members(*given)
    for member, (_, _, active) in zip(those._members, drawn, strict=True):
        member.active = active
    picked = those.pick(chance, other)
    assert picked.endpoint.priority == min(each.priority for each in given)


def test_weights_are_shares() -> None:
    given = endpoints(2)
    given[0].weight = 3.0
    assert abs(shares(members(*given))["0"] - 0.75) < 0.03


def test_the_next_priority_serves_once_the_first_one_is_out() -> None:
    given = endpoints(3)
    given[2].priority = 10
    those = members(*given)
    assert set(shares(those)) == {"0", "1"}
    given[0].failed(NOW)
    those.follow(given, NOW)
    assert set(shares(those)) == {"1"}
    given[1].failed(NOW)
    those.follow(given, NOW)
    assert set(shares(those)) == {"2"}


def test_failures_in_a_row_eject_for_longer_each_time() -> None:
    those = members(*endpoints(2))
    bad = those._members[0]
    assert fail(those, bad, BALANCE.failures) == [False] * (BALANCE.failures - 1) + [True]
    assert shares(those) == {"1": 1.0}
    now, waits = NOW, []
    for _ in range(14):
        waits.append(bad.ejected_until - now)
        now = bad.ejected_until
        those.follow([each.endpoint for each in those._members], now)
        fail(those, bad, BALANCE.failures, now)
    assert waits[:3] == [30.0, 60.0, 90.0] and waits[-1] == MAX_EJECTION_SECONDS
    now = bad.ejected_until + MAX_EJECTION_SECONDS + 1
    fail(those, bad, BALANCE.failures, now)
    assert bad.ejected_until == now + BALANCE.ejection, "it had served for long"


def test_no_failures_is_no_ejection() -> None:
    those = members(*endpoints(2), balance=Balance(failures=0))
    assert not any(fail(those, those._members[0], 100))


@given(st.integers(1, 9), st.floats(1, 100), st.lists(st.integers(0, 8), max_size=60))
def test_no_more_than_a_part_is_ejected_and_never_the_last(count: int, percent: float, failing: list[int]) -> None:
    those = members(*endpoints(count), balance=Balance(failures=1, max_ejected=percent))
    for i in failing:
        those.failed(those._members[i % count], NOW)
    ejected = sum(member.ejected_until > NOW for member in those._members)
    assert ejected <= max(int(count * percent / 100), 1) and ejected < count


def test_one_that_is_left_while_the_others_cannot_be_reached_is_not_ejected() -> None:
    given = endpoints(3)
    those = members(*given)
    for each in given[1:]:
        each.failed(NOW)
    assert not any(fail(those, those._members[0], 50))
    given[0].failed(NOW)
    those.follow(given, NOW)
    assert set(shares(those)) == {"0", "1", "2"}, "nobody is left, so all are"


def test_who_is_new_or_has_returned_begins_with_a_tenth() -> None:
    old, new = endpoints(2)
    new.since = NOW
    those = members(old, new)
    assert abs(shares(those)["1"] - LEAST_PART / (1 + LEAST_PART)) < 0.02
    those.follow([old, new], NOW + BALANCE.slow_start / 2)
    assert abs(shares(those)["1"] - 1 / 3) < 0.03
    those.follow([old, new], NOW + BALANCE.slow_start)
    assert abs(shares(those)["1"] - 0.5) < 0.03
    returned = those._members[0]
    returned.ejected_until = NOW + 20
    assert returned.part(BALANCE.slow_start, NOW + 25) == 0.5
    assert returned.part(0.0, NOW + 20) == 1.0, "no slow start"


def test_states() -> None:
    given = endpoints(5)
    serving, warming, ejected, dead, leaving = given
    those = members(*given)
    warming.since = NOW
    dead.failed(NOW)
    fail(those, those.of(ejected), BALANCE.failures)
    leaving.open = 1
    those.follow(given[:4], NOW)
    assert those.states(NOW) == {
        str(serving): SERVING,
        str(warming): WARMING,
        str(ejected): EJECTED,
        str(dead): UNREACHABLE,
        str(leaving): DRAINING,
    }
    leaving.gone = True
    those.follow(given[:4], NOW)
    leaving.open = 0
    assert str(leaving) not in those.states(NOW)


def test_who_leaves_and_comes_back_is_the_same() -> None:
    given = endpoints(3)
    those = members(*given)
    bad = those.of(given[0])
    fail(those, bad, BALANCE.failures)
    those.follow(given[1:], NOW)
    assert those.of(given[0]) is bad and not any(fail(those, bad, 9))
    those.follow(given, NOW)
    assert those.of(given[0]) is bad and set(shares(those)) == {"1", "2"}
