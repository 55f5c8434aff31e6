"""Connections of the admin API: few, and none waits for its client for ever. Without sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.control.api.connections import (
    IDLE_SECONDS,
    MAX_CONNECTIONS,
    MAX_UNREAD_BYTES,
    REQUEST_SECONDS,
    UNREAD_SECONDS,
    AdminConnection,
    Connections,
)


class Pipe(asyncio.Transport):
    """A transport that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""
        self.unread = 0
        self.end = ""

    def write(self, data: Any) -> None:
        self.said += bytes(data)

    def get_write_buffer_size(self) -> int:
        return self.unread

    def close(self) -> None:
        self.end = "closed"

    def abort(self) -> None:
        self.end = "cut"


class Clock:
    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(connections: Connections) -> tuple[AdminConnection, Pipe]:
    pipe, connection = Pipe(), connections.wrap(asyncio.Protocol)()
    connection.connection_made(pipe)
    return connection, pipe


@pytest.mark.parametrize(
    ("begun", "patience", "said"), [(False, IDLE_SECONDS, b""), (True, REQUEST_SECONDS, b"HTTP/1.1 408 ")]
)
def test_a_client_has_so_long_to_begin_and_so_long_to_end(
    clock: Clock, begun: bool, patience: float, said: bytes
) -> None:
    connections = Connections(clock)
    connection, pipe = opened(connections)
    if begun:
        clock.at = 5.0
        connection.data_received(b"G")
        connection.data_received(b"E")
    clock.at += patience - 0.1
    connections.look()
    assert pipe.end == "" and len(connections) == 1
    clock.at += 0.2
    connections.look()
    assert pipe.end == "closed" and pipe.said[:13] == said and len(connections) == 0
    assert connections.let_go == {"api_connections": 0, "api_slow": 1}


def test_an_answer_under_way_is_never_cut_and_one_that_is_not_read_is(clock: Clock) -> None:
    connections = Connections(clock)
    connection, pipe = opened(connections)
    connection.data_received(b"GET")
    connection.turn("serving")
    pipe.unread, clock.at = 1, 1000.0
    connections.look()
    assert pipe.end == ""
    connection.turn("idle")
    clock.at += UNREAD_SECONDS
    connections.look()
    assert (pipe.end, pipe.said) == ("cut", b"")


def test_whoever_comes_takes_the_place_of_the_one_that_has_waited_longest(clock: Clock) -> None:
    connections = Connections(clock)
    made = []
    for at in range(MAX_CONNECTIONS):
        clock.at = float(at)
        made.append(opened(connections))
    made[0][0].turn("serving")
    made[1][0].data_received(b"P")
    clock.at += 1.0
    opened(connections)
    opened(connections)
    assert [pipe.end for _, pipe in made[:5]] == ["", "", "closed", "closed", ""]
    for _ in range(MAX_CONNECTIONS):
        opened(connections)
    assert made[1][1].said.startswith(b"HTTP/1.1 503 ") and made[0][1].end == ""
    assert len(connections) == MAX_CONNECTIONS
    assert connections.let_go["api_connections"] == MAX_CONNECTIONS + 2


def test_one_more_is_refused_where_all_are_served(clock: Clock) -> None:
    connections = Connections(clock)
    for _ in range(MAX_CONNECTIONS):
        opened(connections)[0].turn("serving")
    _, pipe = opened(connections)
    assert pipe.end == "closed" and len(connections) == MAX_CONNECTIONS


def test_answers_that_are_not_read_are_bounded_in_sum(clock: Clock) -> None:
    connections = Connections(clock)
    made = []
    for at in range(5):
        clock.at = float(at)
        made.append(opened(connections))
        made[-1][1].unread = MAX_UNREAD_BYTES // 4
    connections.look()
    assert [pipe.end for _, pipe in made] == ["cut", "", "", "", ""]


@given(st.lists(st.tuples(st.sampled_from(["open", "ask", "serve", "answer", "leave", "look"]), st.floats(0.0, 40.0))))
def test_the_number_is_bounded_and_nobody_waits_for_ever(steps: list[tuple[str, float]]) -> None:
    clock = Clock()
    connections, made = Connections(clock), [opened(Connections(clock))]
    for step, passed in steps:
        clock.at += passed
        connection, pipe = made[int(passed) % len(made)]
        if step == "open":
            made += [opened(connections) for _ in range(40)]
        elif step == "ask":
            connection.data_received(b"x")
        elif step == "serve":
            connection.turn("serving")
        elif step == "answer":
            connection.turn("idle")
        elif step == "leave" and not pipe.end:
            connection.connection_lost(None)
        connections.look()
        assert len(connections) <= MAX_CONNECTIONS
        waiting = [each for each in connections._open.values() if each.phase != "serving"]
        assert all(clock.at - each.since < IDLE_SECONDS for each in waiting)
        assert not any(each.transport.end for each in waiting if isinstance(each.transport, Pipe))
