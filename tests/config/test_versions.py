"""What the file says of versions: each setting has those that say something, and none else."""

from __future__ import annotations

from proxy.config.section import Section
from proxy.config.tree import Tree
from proxy.config.versions import read_versions
from proxy.contracts.settings import Lineage, Problem


def test_each_setting_has_the_versions_that_say_something() -> None:
    problems: list[Problem] = []
    tree: Tree = {"versions": {"a": {"url": "http://h"}, "b": {"url": "http://h/b", "rewrite": {"model": "m"}}}}
    read = read_versions(Section(tree, "", problems), False)
    assert problems == []
    assert {key: sorted(value) for key, value in read.items()} == {
        "versions": ["a", "b"],
        "lineage": ["a", "b"],
        "prices": [],
        "rewrites": ["b"],
        "credentials": [],
        "tls": [],
        "packages": [],
    }
    assert read["lineage"]["a"] == Lineage()


def test_there_is_one_and_lineage_may_be_required() -> None:
    problems: list[Problem] = []
    read_versions(Section({}, "", problems), False)
    read_versions(Section({"versions": {"a": {"url": "http://h"}}}, "", problems), True)
    first, *others = [problem.path for problem in problems]
    assert first == "versions" and len(others) == len(Lineage.__struct_fields__)


def test_tls_is_of_a_url_of_https() -> None:
    problems: list[Problem] = []
    tree: Tree = {
        "versions": {
            "a": {"url": "http://h", "tls": {"ca": "/tls/ca.crt"}},
            "b": {"url": "https://h", "tls": {"ca": "/tls/ca.crt"}},
            "c": {"url": "https://h"},
        }
    }
    read = read_versions(Section(tree, "", problems), False)
    assert [problem.path for problem in problems] == ["versions.a.tls"]
    assert [version.secure for version in read["versions"].values()] == [False, True, True]
    assert [version.url for version in read["versions"].values()] == ["http://h", "https://h", "https://h"]
