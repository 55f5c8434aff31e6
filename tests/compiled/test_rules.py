"""The tests of the rules of HTTP and of routing, on the compiled package."""

from __future__ import annotations

import pytest

from loadtests.compiled import possible
from tests.support import compiled

pytestmark = pytest.mark.skipif(not possible(), reason="needs a C compiler and Python's headers")


def test_they_pass() -> None:
    code, output = compiled.tested("tests/contracts/test_build.py", "tests/http1", "tests/http2", "tests/routing")
    assert code == 0, output
