"""Calls of gRPC as load: messages that are ones, servers that answer them, and what the loads say."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from loadtests.calls import (
    CallDrive,
    StreamDrive,
    answering_calls,
    echoing,
    infer_request,
    infer_response,
    load_of,
    message,
    read_load,
)
from loadtests.load import LoadFailed
from loadtests.processes import program
from tests.support.oip_messages import message as made

SAID = """\
finished in 1.01s, 3.00 req/s, 15.47MB/s
requests: 3 total, 5 started, 3 done, 3 succeeded, 1 failed, 2 errored, 4 timeout
status codes: 3 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 15.47MB (16219452) total, 582.04KB (596007) headers (space savings 93.62%), 13.45MB (14099481) data
"""


def test_messages_are_those_of_the_protocol() -> None:
    asked = type(made("ModelInferRequest")).FromString(infer_request(30, random.Random(7))[5:])
    (tensor,) = asked.inputs
    assert (asked.model_name, tensor.name, tensor.datatype, list(tensor.shape)) == ("cancer", "x", "FP64", [1, 30])
    assert len(tensor.contents.fp64_contents) == 30
    answered = type(made("ModelInferResponse")).FromString(infer_response("v1", 0.9)[5:])
    assert (answered.model_version, list(answered.outputs[0].contents.fp64_contents)) == ("v1", [0.9])
    assert message(b"abc") == b"\0\0\0\0\3abc"


def test_what_h2load_says_is_read() -> None:
    load = read_load(SAID, "1\t200\t30\n2\t200\t10\n3\t200\t20\n", 1.0)
    assert (load.requests, load.bytes, load.p50, load.max, load.mean) == (3, 16219452, 20, 30, 20)
    assert (load.status, load.read, load.timeout) == (1, 2, 4)
    with pytest.raises(LoadFailed):
        load_of([], 1.0, 0, 0)


@pytest.mark.skipif(not shutil.which("h2load") or not Path(program("nghttpd")).exists(), reason="h2load is not there")
@pytest.mark.parametrize("unique", [False, True])
def test_calls_are_answered(unique: bool, tmp_path: Path) -> None:
    body = tmp_path / "call"
    body.write_bytes(infer_request(30, random.Random(7)))
    with answering_calls(tmp_path, 1) as (port,):
        load = CallDrive(body, connections=2, streams=2, unique=unique).drive(port, 1)
    assert load.requests > 1
    assert load.errors == 0


def test_messages_of_streams_are_echoed(tmp_path: Path) -> None:
    body = tmp_path / "call"
    body.write_bytes(infer_request(30, random.Random(7)))
    with echoing(tmp_path, 1) as (port,):
        load = StreamDrive(body, connections=2, messages=3).drive(port, 0.2)
    assert load.requests > 1
    assert load.errors == 0
