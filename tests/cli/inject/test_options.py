"""Annotations choose for one pod what the command line chooses for all."""

from __future__ import annotations

import pytest

from proxy.cli.inject.options import ANNOTATIONS, INJECT, Options, Refusal, chosen


def test_each_annotation_is_an_option() -> None:
    assert set(ANNOTATIONS.values()) <= set(Options.__struct_fields__)
    said = dict.fromkeys(ANNOTATIONS, "77") | {"penumbra/admin-scheme": "HTTPS"}
    made = chosen(Options(), said | {"other": "x", INJECT: "true"}, "metadata")
    assert (made.config_map, made.container, made.model_port, made.port) == ("77", "77", 77, 77)


def test_an_annotation_comes_before_the_command_line() -> None:
    assert chosen(Options(port=1), {"penumbra/port": "2"}, "metadata").port == 2
    assert chosen(Options(port=1), {}, "metadata").port == 1


@pytest.mark.parametrize("text", ["0", "65536", "x", "-1", "", "8080.0"])
def test_a_port_is_one(text: str) -> None:
    with pytest.raises(Refusal, match="a port from 1 to 65535"):
        chosen(Options(), {"penumbra/model-port": text}, "metadata")


@pytest.mark.parametrize("text", ["https", "", "TLS"])
def test_a_scheme_is_one_of_kubernetes(text: str) -> None:
    with pytest.raises(Refusal, match=r"HTTP \| HTTPS"):
        chosen(Options(), {"penumbra/admin-scheme": text}, "metadata")
