"""The steps that `--hold` ends with: each can be pasted, and the files that they name are there."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from proxy.demo import guide
from proxy.demo.guide import Props


@pytest.fixture
def props(tmp_path: Path) -> Props:
    folder = tmp_path / "a folder"
    folder.mkdir()
    return Props("http://h:1/v2/models/cancer/infer", "http://h:2", folder, "cancer-v2", 4711, b'{"inputs": []}')


def test_every_step_names_what_it_is_about(props: Props) -> None:
    steps = {step.what: step.how for step in guide.steps(props)}
    assert steps["the status page"] == "http://h:2/"
    assert steps["break cancer-v2"] == "kill -9 4711"
    words = shlex.split(steps["25 % for cancer-v2"])
    assert words[-3] == "http://h:2/v1/routes/cancer/split"
    assert json.loads(words[-1]) == {"cancer-v2": 25}
    assert shlex.split(steps["how it stands"])[-4:] == ["status", "cancer", "--admin", "http://h:2"]


def test_the_files_that_the_steps_name_are_there(props: Props) -> None:
    guide.write(props)
    named = [word for step in guide.steps(props) for word in shlex.split(step.how) if str(props.folder) in word]
    files = [Path(word.rpartition("=")[2].lstrip("@")) for word in named if not word.endswith(".log")]
    assert {path.name for path in files} == {guide.REQUEST, guide.SCRAPE}
    assert files[0].read_bytes() == props.body
    (job,) = yaml.safe_load((props.folder / guide.SCRAPE).read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["h:2"]}]


def test_a_call_by_grpc_is_sent_as_one(props: Props) -> None:
    by_grpc = {step.what: step.how for step in guide.steps(replace(props, grpc=True))}
    words = shlex.split(by_grpc["one request"])
    assert "--http2-prior-knowledge" in words and "content-type:application/grpc" in words


def test_lines_are_aligned_and_whole(props: Props) -> None:
    steps = guide.steps(props)
    lines = guide.lines(steps)
    assert len({line.index(step.how) for line, step in zip(lines, steps, strict=True)}) == 1
    assert not any("\n" in line for line in lines)
