"""A mounted ConfigMap changes by a symbolic link that is swapped: the proxy must notice, though the path stays."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.running import Running, eventually
from tests.support.upstream import Upstream

CONFIG = """
listen: 127.0.0.1:0
admin: {{listen: 127.0.0.1:0}}
state: {state}
versions: {{a: {{url: {a}}}, b: {{url: {b}}}}}
routes: {{r: {{match: {{path: /}}, protocol: opaque, primary: {primary}}}}}
"""


def publish(volume: Path, name: str, text: str) -> None:
    """What a kubelet does: a new directory, and `..data` renamed over the old link."""
    (volume / name).mkdir()
    (volume / name / "penumbra.yaml").write_text(text)
    (volume / "..data_tmp").symlink_to(name)
    os.rename(volume / "..data_tmp", volume / "..data")


def test_a_changed_configmap_is_taken(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    with Upstream("a") as a, Upstream("b") as b:
        config = CONFIG.format(state=tmp_path / "penumbra.db", a=a.url, b=b.url, primary="{primary}")
        publish(volume, "..2026_01_01", config.replace("{primary}", "a"))
        (volume / "penumbra.yaml").symlink_to("..data/penumbra.yaml")
        with Running(volume / "penumbra.yaml") as running:
            running.serving("a")
            publish(volume, "..2026_01_02", config.replace("{primary}", "b"))
            eventually(lambda: running.get().version == "b", "an answer of the new primary")
            publish(volume, "..2026_01_03", config.replace("{primary}", "nobody"))
            eventually(lambda: running.ask("GET", "/v1/routes").json()["configuration"]["problems"], "a refusal")
            assert running.get().version == "b"
