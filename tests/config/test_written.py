"""Files that the program writes are of their own, whatever two options call them."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.load import load, parse
from proxy.contracts.settings import ConfigError

BASE = f"""
listen: 127.0.0.1:8080
versions: {{a: {{url: "http://127.0.0.1:8081"}}}}
routes: {{r: {{match: {{path: /}}, protocol: oip, primary: a, analysis: {{profile: {__file__}}}}}}}
"""


def refused(top: str) -> list[str]:
    try:
        parse(f"{BASE}{top}", {})
    except ConfigError as error:
        return [problem.path for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("top", "path"),
    [
        ("state: p.db\naudit: {anchor: p.db}", "audit.anchor"),
        ("state: p.db\naudit: {anchor: ./x/../p.db}", "audit.anchor"),
        ("state: p.db\naudit: {anchor: p.db-wal}", "audit.anchor"),
        ("state: p.db\naudit: {anchor: p.db.lock}", "audit.anchor"),
        (f"audit: {{anchor: {__file__}}}", "audit.anchor"),
        (f"state: {__file__}", "state"),
        ("state: p.db\ncapture: {path: p.db, percent: 1, max_bytes: 1MiB}", "capture.path"),
        ("state: p.db\ncapture: {path: p.db.anchor, percent: 1, max_bytes: 1MiB}", "capture.path"),
        ("audit: {anchor: c.1}\ncapture: {path: c, percent: 1, max_bytes: 1MiB}", "capture.path"),
    ],
)
def test_a_file_with_two_uses_is_refused(top: str, path: str) -> None:
    assert refused(top) == [path]


@pytest.mark.parametrize(
    "top",
    [
        "",
        "state: p.db\naudit: {anchor: p.db.anchor}",
        "state: p.db\naudit: {anchor: elsewhere/p.db}\ncapture: {path: p.capture, percent: 1, max_bytes: 1MiB}",
        'state: ":memory:"\naudit: {anchor: ":memory:"}',
    ],
)
def test_files_of_their_own_are_fine(top: str) -> None:
    assert refused(top) == []


@pytest.mark.parametrize("link", [False, True])
def test_the_configuration_is_written_by_nobody(tmp_path: Path, link: bool) -> None:
    file, name = tmp_path / "penumbra.yaml", tmp_path / "other"
    if link:
        name.symlink_to(file)
    file.write_text(f"{BASE}audit: {{anchor: {name if link else file}}}")
    with pytest.raises(ConfigError) as error:
        load(file, {})
    (problem,) = error.value.problems
    assert (problem.path, problem.allowed) == ("audit.anchor", "a file of its own")
    assert problem.found.endswith("a file of this configuration")


@pytest.mark.parametrize("name", ['"a\\0b"', '"\\ud800"', '"' + 5000 * "a/" + '"'])
def test_a_name_that_no_file_can_have_is_no_other_error(name: str) -> None:
    refused(f"state: p.db\naudit: {{anchor: {name}}}\ncapture: {{path: {name}, percent: 1, max_bytes: 1MiB}}")
