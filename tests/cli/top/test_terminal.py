"""What a terminal is told."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.top.tables import Row, plain
from proxy.cli.top.terminal import Abilities, abilities, painted, styled

ROWS: list[Row] = [(("all ", "bold"), ("bad", "bad")), plain("chosen", 8, "chosen")]
CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@pytest.mark.parametrize(
    ("environ", "can"),
    [
        ({"TERM": "xterm-256color"}, Abilities(True, True, True)),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, Abilities(True, False, True)),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, Abilities(True, True, True)),
        ({"TERM": "linux"}, Abilities(True, True, False)),
        ({"TERM": "dumb"}, Abilities(False, False, False)),
        ({}, Abilities(False, False, False)),
    ],
)
def test_a_terminal_is_what_its_environment_says(environ: dict[str, str], can: Abilities) -> None:
    assert abilities(environ, "utf-8") == can


def test_letters_that_are_columns_need_their_encoding() -> None:
    assert not abilities({"TERM": "xterm"}, "ascii").blocks


def test_colours_are_left_out_where_they_are_not_wanted_and_shapes_stay() -> None:
    assert styled(ROWS[0], Abilities(True, True, True)) == "\x1b[1mall \x1b[0m\x1b[31mbad\x1b[0m"
    assert styled(ROWS[0], Abilities(True, False, True)) == "\x1b[1mall \x1b[0mbad"


def test_a_dumb_terminal_gets_text_alone() -> None:
    assert painted(ROWS, Abilities(False, False, False)) == "all bad\nchosen\n\n"


@given(st.lists(st.text(max_size=30), max_size=5))
def test_names_move_nothing(names: list[str]) -> None:
    """Whatever is in a line, a terminal is told of places by this program alone."""
    can = Abilities(True, True, True)
    told = painted([plain(name, 20) for name in names], can)
    assert CODES.findall(told) == CODES.findall(painted([plain("x", 20) for _ in names], can))
    assert "\x1b" not in CODES.sub("", told)


def test_a_line_as_wide_as_the_terminal_keeps_its_last_letter() -> None:
    assert painted([plain("x" * 20, 20)], Abilities(True, True, True)).endswith("x" * 20 + "\x1b[0m")
