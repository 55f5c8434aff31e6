"""One mapping of a configuration: each key is taken or reported, and a mistake never stops the reading."""

from __future__ import annotations

from proxy.config import values
from proxy.config.section import Section, shown
from proxy.config.tree import Tree
from proxy.contracts.settings import Problem


def section(tree: Tree, path: str = "") -> tuple[Section, list[Problem]]:
    problems: list[Problem] = []
    return Section(tree, path, problems), problems


def found(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.path, problem.found) for problem in problems]


def test_a_key_is_taken_or_its_fallback_holds() -> None:
    one, problems = section({"a": "2s"})
    assert one.take("a", values.duration, 0.0) == 2.0
    assert one.take("b", values.duration, 7.0) == 7.0
    one.finish()
    assert problems == []


def test_a_wrong_value_is_reported_and_replaced() -> None:
    one, problems = section({"a": "two", "b": ["1s"], "c": {}}, "at")
    assert [one.take(key, values.duration, 7.0) for key in "abc"] == [7.0, 7.0, 7.0]
    assert found(problems) == [("at.a", "'two'"), ("at.b", "a list"), ("at.c", "a mapping")]
    assert all("500ms, 2s or 1m" in problem.allowed for problem in problems)


def test_a_required_key_says_what_it_takes() -> None:
    one, problems = section({})
    one.take("a", values.duration, 0.0, required=True)
    assert found(problems) == [("a", "nothing")]
    assert problems[0].allowed.startswith("this key is required: a duration")


def test_a_key_that_nobody_takes_is_reported_with_the_nearest_one() -> None:
    one, problems = section({"timeout": "1s"}, "r")
    one.take("timeouts", values.duration, 0.0)
    one.finish()
    assert found(problems) == [("r.timeout", "an unknown key")]
    assert problems[0].allowed == "timeouts; did you mean timeouts?"


def test_a_text_in_place_of_a_mapping_is_one_problem() -> None:
    one, problems = section("text", "r")
    one.finish()
    assert found(problems) == [("r", "'text'")]


def test_fields_are_the_given_and_readable_ones() -> None:
    one, problems = section({"a": "1s", "b": "x"})
    assert one.fields({"a": values.duration, "b": values.duration, "c": values.duration}) == {"a": 1.0}
    assert [problem.path for problem in problems] == ["b"]


def test_a_choice_is_a_word_or_a_mapping() -> None:
    words = {"on": 1, "off": 0}
    one, problems = section({"word": "off", "other": "maybe", "map": {"after": "1s"}})
    assert one.choice("word", words) == 0
    assert one.choice("absent", words) is None
    inner = one.choice("map", words)
    assert isinstance(inner, Section)
    assert inner.path == "map"
    assert one.choice("other", words) is None
    assert found(problems) == [("other", "'maybe'")]
    assert problems[0].allowed == "on | off or a mapping"


def test_items_and_values_have_their_places() -> None:
    one, problems = section({"list": [{"a": "1"}, "x"], "texts": ["1s", "z"], "none": "text"})
    assert [item.path for item in one.items("list")] == ["list[0]", "list[1]"]
    assert one.values("texts", values.duration) == (1.0,)
    assert one.values("none", values.duration) == ()
    assert found(problems) == [("list[1]", "'x'"), ("texts[1]", "'z'"), ("none", "'text'")]


def test_names_are_held_to_their_rule() -> None:
    one, problems = section({"routes": {"good": {}, "not good": {}}})
    assert [name for name, _ in one.entries("routes", values.name)] == ["good", "not good"]
    assert [problem.path for problem in problems] == ["routes.not good"]


def test_pairs_that_are_the_same_key_are_reported() -> None:
    one, problems = section({"headers": {"X-A": "1", "x-a": "2", "x-b": "3"}})
    assert one.pairs("headers", values.header_name, values.header_value) == {"x-a": "2", "x-b": "3"}
    assert found(problems) == [("headers.x-a", "the same key twice")]


def test_a_long_value_is_cut() -> None:
    assert len(shown("x" * 500)) == 82
    assert (shown(""), shown([]), shown({})) == ("nothing", "a list", "a mapping")
