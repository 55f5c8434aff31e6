"""The text changes where the operations say so, and nowhere else; read again, it is what they make of the values."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.inject.operations import END, Operation, applied
from proxy.cli.inject.yaml_edit import documents, edited, written

MORE = {"name": "x", "args": ["-a", "1"], "text": "one\ntwo\n"}

FORMS = [
    "a:\n  b: 1 # one\n  l:\n    - x # item\n# end\nz: 0\n",
    "a:\n  b: 1\n  l:\n  - x\nz: 0",
    "a: {b: 1, l: [x]} # flow\nz: 0\n",
    "a:\n  b: 1\n  l: []\nz: |\n  text\n",
    '{"a": {"b": 1, "l": ["x"]}, "z": 0}',
    '{\n  "a": {\n    "b": 1,\n    "l": [\n      "x"\n    ]\n  },\n  "z": 0\n}\n',
    "z: 0\na:\n  l:\n    - x: |\n        text\n\n    - >-\n      folded\n  b: 1\n",
    "z: 0\na:\n  b: 1\n  l:\n    - {x: [1,\n        2]} # comment\n    # more\n",
    "a:\r\n  b: 1\r\n  l:\r\n    - x\r\nz: 0\r\n",
    "---\n# first\na:\n    b:    'q'\n    l: [ x , ]\nz: 0\n...\n",
    "a:\n  l:\n  - x\n  b: 1\nz: 0\n---\nother: 1\n",
    "a:\n  b: 1\n  l:\n    -   x\n    -   y:  1\n",
]

CHANGES = [
    [Operation(("a", "new"), MORE)],
    [Operation(("a", "l", END), MORE), Operation(("a", "l", END), "second")],
    [Operation(("new",), MORE)],
    [Operation(("a", "b"), "penumbra-http", anew=True)],
    [Operation(("a", "b"), {"k": 5}, anew=True)],
    [
        Operation(("a", "l", END), 1),
        Operation(("a", "n"), 2),
        Operation(("a", "m"), [3]),
        Operation(("new",), None),
        Operation(("a", "b"), 7, anew=True),
    ],
]


@pytest.mark.parametrize("operations", CHANGES)
@pytest.mark.parametrize("text", FORMS)
def test_every_form_keeps_all_that_is_not_touched(text: str, operations: list[Operation]) -> None:
    found = documents(text)
    made, same = edited(text, [(found[0], operations)])
    assert same
    assert [each.value for each in documents(made)] == [
        applied(found[0].value, operations),
        *(each.value for each in found[1:]),
    ]
    steps = difflib.SequenceMatcher(None, text, made, autojunk=False).get_opcodes()
    lost = "".join(text[a:b] for kind, a, b, *_ in steps if kind in ("delete", "replace"))
    assert "#" not in lost and len(lost) <= 3


@pytest.mark.parametrize("text", ["a: &x {b: 1}\nc: *x\n", "a: &x\n  b: 1\nc:\n  <<: *x\n  d: 1\n"])
def test_where_the_form_cannot_be_kept_the_values_are(text: str) -> None:
    (document,) = documents(text)
    operations = [Operation(("c", "new"), [1])]
    made, same = edited(text, [(document, operations)])
    assert documents(made)[0].value == applied(document.value, operations)
    assert same == ("&x" in made)


NAMES = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=6)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), NAMES, st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all collections."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [found for key, each in items for found in places(each, (*path, key))]
    return [path, *below] if isinstance(value, dict | list) else below


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), VALUES, st.sampled_from([None, True, False]), st.data())
def test_any_document_is_what_the_operations_make_of_it(value: Any, more: Any, flow: Any, data: st.DataObject) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, sort_keys=False)
    (document,) = documents(text)
    chosen = data.draw(st.lists(st.sampled_from(places(value)), min_size=1, max_size=3, unique=True))
    operations = [Operation((*path, END if isinstance(_at(value, path), list) else "newest"), more) for path in chosen]
    made, _ = edited(text, [(document, operations)])
    assert documents(made)[0].value == applied(value, operations)


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029", "\r", "one\x85\n"])
@pytest.mark.parametrize("text", ["a: []\n", "a: &x {b: 1}\nc: *x\n"])
def test_whatever_ends_a_line_to_yaml_is_kept(text: str, end: str) -> None:
    (document,) = documents(text)
    operations = [Operation(("new",), end)]
    made, _ = edited(text, [(document, operations)])
    assert documents(made)[0].value == applied(document.value, operations)
    assert documents(written({"a": end}))[0].value == {"a": end}


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def test_what_an_alias_shares_is_changed_in_one_place() -> None:
    (document,) = documents("a: &x {b: 1}\nc: *x\n")
    made, _ = edited("a: &x {b: 1}\nc: *x\n", [(document, [Operation(("a", "new"), 2)])])
    assert documents(made)[0].value == {"a": {"b": 1, "new": 2}, "c": {"b": 1}}


LEVELS = zip("abcdef", "bcdefg", strict=True)
BOMB = "a: &a [x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 30)}]\n" for a, b in LEVELS)


@pytest.mark.parametrize("text", ["a: &a [*a]\n", BOMB])
def test_what_would_explode_is_refused(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        documents(text)


def test_a_text_of_several_lines_is_written_as_such() -> None:
    assert written({"k": "a: 1\nb: 2\n"}) == "k: |\n  a: 1\n  b: 2\n"
