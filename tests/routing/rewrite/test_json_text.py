"""Values in a text of JSON, set where they stand: every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.routing.rewrite.json_text import MAX_EQUAL_KEYS, MAX_NAMES, edited, parts_of, places_of, with_values
from proxy.routing.rewrite.unwritable import NO_PLACE, NOT_JSON, TOO_LARGE, Unwritable


def put(text: bytes, pointer: str, value: bytes = b'"new"') -> bytes:
    return with_values(text, [(parts_of(pointer), value)])


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (b'{"model":"a"}', b'{"model":"new"}'),
        (b' {"n" : 12345678901234567890123,\n "model" :\t"a" , "x":[1,2] } ', None),
        (b'{"model":"a","x":1,"model":"b"}', b'{"model":"new","x":1,"model":"new"}'),
        (b'{"mod\\u0065l":"a"}', b'{"mod\\u0065l":"new"}'),
        (b'{"model":{"a":[{"model":1}]}}', b'{"model":"new"}'),
        (b'{"x":{"model":"a"},"y":"\\"model\\":1"}', b'{"x":{"model":"a"},"y":"\\"model\\":1", "model": "new"}'),
        (b"{}", b'{"model": "new"}'),
        (b'{ "a": 1 }', b'{ "a": 1, "model": "new" }'),
        (b'\xef\xbb\xbf{"model":null}', b'\xef\xbb\xbf{"model":"new"}'),
        (b'{"a":"}{][","model":"a"}', b'{"a":"}{][","model":"new"}'),
    ],
)
def test_a_member_is_set_where_it_stands(text: bytes, made: bytes | None) -> None:
    assert put(text, "/model") == (made or text.replace(b'"a"', b'"new"'))


@pytest.mark.parametrize(
    ("text", "pointer", "made"),
    [
        (b'{"a":{"b":[0,{"c":1.50}]}}', "/a/b/1/c", b'{"a":{"b":[0,{"c":"new"}]}}'),
        (b"[1, 2,3]", "/1", b'[1, "new",3]'),
        (b'{"a~/b":1}', "/a~0~1b", b'{"a~/b":"new"}'),
        (b'{"":1}', "/", b'{"":"new"}'),
        (b'{"a":{}}', "/a/b", b'{"a":{"b": "new"}}'),
    ],
)
def test_pointers_lead_into_objects_and_arrays(text: bytes, pointer: str, made: bytes) -> None:
    assert put(text, pointer) == made


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (b"[1]", "/1"),
        (b"[1]", "/-"),
        (b"[]", "/0"),
        (b'"text"', "/a"),
        (b'{"a":1}', "/a/b"),
        (b"{}", "/a/b"),
        (b"7", "/a"),
    ],
)
def test_what_has_no_place_is_said(text: bytes, pointer: str) -> None:
    with pytest.raises(Unwritable) as caught:
        put(text, pointer)
    assert caught.value.reason == NO_PLACE


@pytest.mark.parametrize(
    "text", [b'{"a"', b'{"a":', b'{"a":1', b'{"a" 1}', b'{"a":1 "b":2}', b"{a:1}", b'{"a":[1}', b'{"a":"']
)
def test_what_is_no_json_is_said(text: bytes) -> None:
    with pytest.raises(Unwritable) as caught:
        places_of(text, ["b", "c"])
    assert caught.value.reason == NOT_JSON


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c/d", "é"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    document=st.dictionaries(st.sampled_from(["a", "b", "c/d", "é"]), VALUES),
    name=st.sampled_from(["a", "c/d", "é", "new"]),
    value=VALUES,
    indent=st.sampled_from([None, 1]),
    ascii=st.booleans(),
)
def test_it_reads_as_the_document_with_the_value_set(
    document: dict[str, Any], name: str, value: Any, indent: int | None, ascii: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii).encode()
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    made = put(text, pointer, json.dumps(value).encode())
    assert json.loads(made) == document | {name: value}
    if name in document:
        ((start, stop),) = places_of(text, [name])
        assert json.loads(text[start:stop]) == document[name]
        assert made == text[:start] + json.dumps(value).encode() + text[stop:]


def test_edits_are_made_in_order() -> None:
    assert edited(b"abcdef", [(1, 2, b"-"), (4, 4, b"+"), (5, 6, b"")]) == b"a-cd+e"


def written(text: str, escape: list[bool]) -> str:
    """JSON of a text, some of its characters written as numbers."""
    units = [json.dumps(each)[1:-1] for each in text]
    for at, (each, wanted) in enumerate(zip(text, escape, strict=False)):
        if wanted and ord(each) < 0x10000:
            units[at] = f"\\u{ord(each):04X}"
    return '"' + "".join(units) + '"'


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(st.lists(st.tuples(NAMES, st.lists(st.booleans(), max_size=4), st.integers()), max_size=5), NAMES)
def test_a_name_is_found_however_it_is_written(members: list[tuple[str, list[bool], int]], name: str) -> None:
    text = "{" + ",".join([f"{written(key, escape)} : {value}" for key, escape, value in members]) + "}"
    made = json.loads(with_values(text.encode(), [([name], b'"new"')]), object_pairs_hook=list)
    wanted = [(key, "new" if key == name else value) for key, _, value in members]
    assert made == wanted + ([] if name in [key for key, _, _ in members] else [(name, "new")])


def test_many_members_of_one_name_are_too_many() -> None:
    text = b"{%b}" % b",".join([b'"model":1'] * MAX_EQUAL_KEYS)
    assert put(text, "/model").count(b"new") == MAX_EQUAL_KEYS
    with pytest.raises(Unwritable) as caught:
        put(text[:-1] + b',"model":1}', "/model")
    assert caught.value.reason == TOO_LARGE


def test_members_that_are_not_looked_for_are_passed_over_whatever_they_hold() -> None:
    others = b'"a":1,"\\u0061":"}\\"",  "b":[[1],{"model":2}] ,"c":{} , "d":{"e":[]},"modelled":null,'
    for text in (b"{" + others + b'"model":0}', b"{" + others * 3 + b'"model":0,' + others[:-1] + b"}"):
        assert put(text, "/model") == text.replace(b'"model":0', b'"model":"new"')


def test_names_that_are_remembered_are_bounded() -> None:
    for index in range(MAX_NAMES + 2):
        assert put(b'{"a":1}', f"/{index}") == b'{"a":1, "%d": "new"}' % index


@pytest.mark.parametrize("depth", [1, 8, 9, 10, 40])
def test_containers_of_any_depth_are_passed_over(depth: int) -> None:
    deep = b'[{"model":0,"b":' * depth + b'"]}"' + b"}]" * depth
    text = b'{"a":%b,"c":[1,%b,2],"model":0,"d":%b}' % (deep, deep, deep)
    assert put(text, "/model") == text.replace(b'"model":0,"d"', b'"model":"new","d"')
    assert put(text, "/c/2") == text.replace(b',2],"model"', b',"new"],"model"')
