"""Redis as a store, without a server: what is said of faults, and of what others wrote.
The calls themselves are tested with a real server in tests/process."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as LateAnswerError

from proxy.control.fleet.address import StoreAddress, address_of
from proxy.control.fleet.redis_connection import ANSWER_SECONDS, CALL_SECONDS
from proxy.control.fleet.redis_store import RedisStore, _place, _Table
from proxy.control.fleet.store import NOWHERE, Report, StoreUnavailableError, StoreUnfitError

# -- faults, by a client that raises


class Client:
    """A client whose calls raise."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.closed = error, 0

    async def info(self) -> dict[str, Any]:
        """What a good server says."""
        return {"redis_version": "7.0.15"}

    async def eval(self, *values: Any) -> Any:
        """Raises."""
        raise self.error

    async def aclose(self) -> None:
        """Counted."""
        self.closed += 1


class Faulty(RedisStore):
    """A store with such clients."""

    def __init__(self, error: BaseException, url: str) -> None:
        super().__init__(address_of(url), "f")
        self.error, self.opened = error, list[Client]()

    async def _opened(self) -> Any:
        self.opened.append(Client(self.error))
        self._connection.client = self.opened[-1]  # type: ignore[assignment]
        return self.opened[-1]


URL = "redis://ada:s3cret%2F@redis.example:6380/2"
SECRET = "s3cret/"


def said_of(error: BaseException) -> str:
    store = Faulty(error, URL)
    with pytest.raises(StoreUnavailableError) as caught:
        asyncio.run(store.report(Report("a", "e", 1, b"")))
    assert [client.closed for client in store.opened] == [1], "a connection with an open answer is used no more"
    return str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), f"no answer within {CALL_SECONDS:g} s from Redis at redis.example:6380"),
        (LateAnswerError(), f"no answer within {ANSWER_SECONDS:g} s from Redis at redis.example:6380"),
        (OutOfMemoryError("command not allowed"), "takes no more, because used memory > 'maxmemory'"),
        (AuthenticationError(f"WRONGPASS {SECRET}"), "Redis at redis.example:6380 refuses the user or password"),
        (AuthorizationError("NOAUTH"), "refuses the user or password of fleet.redis"),
        (NoPermissionError("NOPERM eval"), "does not allow the user of fleet.redis what a fleet needs"),
        (ConnectionRefusedError(111, f"refused by {SECRET}"), "Redis at redis.example:6380: "),
        (ResponseError("OOM command not allowed"), "OOM command not allowed"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), "redis.example"),
        (OSError(), "OSError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_fault_is_one_sentence_that_names_the_server_and_no_secret(error: BaseException, said: str) -> None:
    found = said_of(error)
    assert said in found
    assert SECRET not in found


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_of_a_server_brings_a_password_out(before: str, after: str) -> None:
    for error in (RedisError(f"{before}{SECRET}{after}"), AuthenticationError(f"{before}{SECRET}{after}")):
        assert SECRET not in said_of(error)


def test_what_is_no_fault_of_the_server_is_not_called_one() -> None:
    store = Faulty(KeyError("a bug"), URL)
    with pytest.raises(KeyError):
        asyncio.run(store.report(Report("a", "e", 1, b"")))
    assert [client.closed for client in store.opened] == [1]


# -- what another program wrote


class Written(Client):
    """A client of a store where members and the fields of their reports are `rows`."""

    def __init__(self, rows: dict[bytes, tuple[Any, Any]]) -> None:
        super().__init__(KeyError())
        self.rows, self.asked = rows, list[Any]()

    async def eval(self, *values: Any) -> Any:
        """All members, reported now."""
        members = [part for name in self.rows for part in (name, b"1.0")]
        return [b"1", b"0", members, b"0", b"0", b"", b""]

    def pipeline(self, transaction: bool) -> Written:
        """Itself."""
        self.asked = []
        return self

    def hget(self, key: str, field: str) -> None:
        """One more."""
        name = key.partition("count:")[2].encode()
        self.asked.append(self.rows[name][field == "b"])

    async def execute(self, raise_on_error: bool) -> list[Any]:
        """What was asked for."""
        assert not raise_on_error
        return self.asked


def collected(rows: dict[bytes, tuple[Any, Any]]) -> list[str]:
    store = Faulty(KeyError(), URL)
    store._connection.client = Written(rows)  # type: ignore[assignment]
    return [each.instance for each in asyncio.run(store.collect({}, NOWHERE)).reports]


def test_a_report_that_is_none_costs_nobody_else_a_look() -> None:
    other = ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
    odd = {b"e:text": (b"abc", b""), b"e:less": (b"-1", b""), b"e:large": (b"9" * 30, b""), b"e:other": (other, other)}
    assert collected({b"e:one": (b"7", b"body"), b"\xff": (b"1", b""), b"e:gone": (None, None)} | odd) == ["one"]


def test_a_report_that_could_not_be_asked_for_is_not_taken_for_gone() -> None:
    with pytest.raises(StoreUnavailableError):
        collected({b"e:one": (NoPermissionError("NOPERM hget"), None)})


@pytest.mark.parametrize(
    "place", [(b"abc", b"1", b"x"), (b"1", b"-1", b"x"), (b"9" * 20, b"1", b""), (b"1", b"1", b"\xff")]
)
def test_a_state_that_is_none_is_named(place: tuple[bytes, bytes, bytes]) -> None:
    with pytest.raises(StoreUnfitError, match=r"fleet\.redis: the key `state`"):
        _place(_Table(*place))


def test_a_state_of_another_type_is_named_as_well() -> None:
    store = Faulty(ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"), URL)
    with pytest.raises(StoreUnfitError, match=r"fleet\.redis: the key `state`"):
        asyncio.run(store.report(Report("a", "e", 1, b"")))


# -- what answers and is no Redis


class Odd(Client):
    """A client that gets this answer, whatever is asked."""

    def __init__(self, answer: Any) -> None:
        super().__init__(KeyError())
        self.answer = answer

    async def eval(self, *values: Any) -> Any:
        """The answer."""
        return self.answer


REPLIES = st.recursive(
    st.none() | st.integers() | st.binary(max_size=20) | st.floats() | st.booleans(), lambda each: st.lists(each)
)


@given(REPLIES)
@example([b"", b"", b""])
@example([b"a", b"1", b"2", b"x", b"", [], b"9" * 400, b"0"])
@example([b"x", b"1", b"2", b"body", []])
def test_an_answer_that_no_script_gives_is_a_fault_of_the_store_and_no_bug(answer: Any) -> None:
    async def asked() -> None:
        calls = (
            lambda: store.acquire("a", 0, "x"),
            lambda: store.report(Report("a", "e", 1, b"")),
            lambda: store.collect({}, NOWHERE),
            lambda: store.commit(NOWHERE, (1, 1, "x"), b"", b""),
            store.table,
        )
        for call in calls:
            store._connection.client = Odd(answer)  # type: ignore[assignment]
            with suppress(StoreUnavailableError, StoreUnfitError):
                await call()

    store = RedisStore(address_of(URL), "f")
    asyncio.run(asked())


def test_keys_of_a_fleet_have_one_slot() -> None:
    store = RedisStore(StoreAddress("server", (("h", 1),)), "fraud")
    assert store._keys("leader", "state") == ["{penumbra:fraud}:leader", "{penumbra:fraud}:state"]
