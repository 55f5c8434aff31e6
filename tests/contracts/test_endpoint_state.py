"""States of endpoints, put together."""

from __future__ import annotations

from proxy.contracts.endpoint_state import DRAINING, EJECTED, ENDPOINT_STATES, SERVING, UNREACHABLE, worst


def test_the_worst_that_somebody_sees_counts() -> None:
    assert worst([]) == {}
    assert worst([{"a": SERVING, "b": EJECTED}, {"a": UNREACHABLE, "b": SERVING}, {"c": DRAINING}]) == {
        "a": UNREACHABLE,
        "b": EJECTED,
        "c": DRAINING,
    }


def test_the_table_has_all_states() -> None:
    from proxy.contracts import endpoint_state

    assert endpoint_state.__doc__ is not None
    assert all(f"| `{state}` |" in endpoint_state.__doc__ for state in ENDPOINT_STATES)
