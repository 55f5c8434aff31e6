"""Kinds are told apart by group and kind, and paths are shown as people write them."""

from __future__ import annotations

from proxy.cli.inject.pods import group_and_kind, name_of, shown


def test_a_kind_of_another_group_is_another() -> None:
    assert group_and_kind({"apiVersion": "apps/v1", "kind": "Deployment"}) == ("apps", "Deployment")
    assert group_and_kind({"apiVersion": "v1", "kind": "Pod"}) == ("", "Pod")
    assert group_and_kind({"apiVersion": 1}) == ("", "")


def test_names_for_people() -> None:
    assert name_of({"kind": "Pod", "metadata": {"name": "m"}}) == "Pod/m"
    assert name_of({"kind": "Pod", "metadata": {"generateName": "m-"}}) == "Pod/m-"
    assert name_of({"metadata": 3}) == "document/without a name"
    assert shown(("spec", "containers", 0, "ports")) == "spec.containers[0].ports"
