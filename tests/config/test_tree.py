"""YAML to a tree of texts: nothing is interpreted, and every mistake of form has its path."""

from __future__ import annotations

import pytest

from proxy.config import tree
from proxy.config.tree import Tree, UnreadableFile, join, read_tree
from proxy.contracts.settings import Problem


def read(text: str, **environ: str) -> tuple[Tree, list[Problem]]:
    problems: list[Problem] = []
    return read_tree(text, environ, problems), problems


@pytest.mark.parametrize("scalar", ["123e4567", "off", "22:22", "null", "0x10", "2026-11-28", "~", "1_000"])
def test_a_scalar_stays_the_text_that_was_written(scalar: str) -> None:
    assert read(f"a: {scalar}") == ({"a": scalar}, [])


def test_an_empty_file_is_an_empty_text() -> None:
    assert read("") == ("", [])


def test_variables_are_replaced_after_parsing() -> None:
    assert read("a: ${X}\nb: ${Y:-z}\nc: $${X}", X="}: [") == ({"a": "}: [", "b": "z", "c": "${X}"}, [])


def test_a_variable_in_a_key_is_replaced_too() -> None:
    assert read("${X}: 1", X="key") == ({"key": "1"}, [])


def test_a_variable_that_is_not_set_is_a_problem_at_its_place() -> None:
    _, problems = read("a: [x, '${X}']")
    assert [problem.path for problem in problems] == ["a[1]"]
    assert "X" in problems[0].found


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        ("a: {b: 1, b: 2}", "a.b", "the same key twice"),
        ("a: !mine 3", "a", "the tag !mine"),
        ("a: {[1]: 2}", "a", "a list or mapping as a key"),
    ],
)
def test_a_form_that_would_hide_something_is_a_problem(text: str, path: str, found: str) -> None:
    _, problems = read(text)
    assert [(problem.path, problem.found) for problem in problems] == [(path, found)]


def test_a_merge_key_merges_nothing() -> None:
    assert read("a: &x {b: 1}\nc: {<<: *x}")[0] == {"a": {"b": "1"}, "c": {"<<": {"b": "1"}}}


@pytest.mark.parametrize(
    ("text", "path"),
    [("a: [", "line 1, column 5"), ("a: &x [*x]", "a[0]"), ("a: \ue000", ""), ("\t- a", "line 1, column 1")],
)
def test_a_text_without_a_tree_is_unreadable(text: str, path: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read(text)
    assert caught.value.problem.path == path


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_TREE_VALUES", 10)
    with pytest.raises(UnreadableFile, match="more than 10 values"):
        read(f"a: {list(range(20))}")
    monkeypatch.setattr(tree, "MAX_CHARACTERS", 10)
    with pytest.raises(UnreadableFile, match="11 characters"):
        read("a: 23456789")


@pytest.mark.parametrize("text", ['a: "\\ud800"', "a: ${HALF}"])
def test_half_of_a_character_is_a_problem_wherever_it_comes_from(text: str) -> None:
    problems: list[Problem] = []
    assert read_tree(text, {"HALF": "\udcff"}, problems) == {"a": ""}
    (problem,) = problems
    assert (problem.path, problem.found) == ("a", "half of a character (a lone surrogate)")


def test_paths() -> None:
    assert (join("", "a"), join("a", "b")) == ("a", "a.b")
