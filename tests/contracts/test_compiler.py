"""Marks for the compiler mean nothing to the interpreter."""

from __future__ import annotations

from proxy.contracts.compiler import mypyc_attr, trait


def test_a_marked_class_is_the_class() -> None:
    class Plain:
        pass

    marked: object = mypyc_attr(allow_interpreted_subclasses=True)(Plain)
    assert marked is Plain
    assert trait(Plain) is Plain
