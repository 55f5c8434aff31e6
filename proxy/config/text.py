"""The text of a configuration: from a regular file of bounded size, or from the standard input.

A configuration is read again and again, on SIGHUP and when it changes, so that `run` needs a file. Commands that read
it once take `-` as well, as kubectl does: `envsubst < penumbra.yaml | penumbra check -`. Process substitution,
`<(…)`, is a pipe and refused: nobody could tell it from one that has no other end.
"""

from __future__ import annotations

import os
import sys

from proxy import files
from proxy.config.tree import MAX_CHARACTERS
from proxy.contracts.settings import ConfigError, Problem

STDIN = "-"
"""The name of the standard input."""

MAX_BYTES = 4 * MAX_CHARACTERS
"""Bytes of a configuration: as many as its characters may take in UTF-8."""

TAKES_STDIN = "a regular file, or - for the standard input"


def text_of(path: str | os.PathLike[str], *, again: bool = False) -> str:
    """The text of the file at `path`; `again`: it has to be one that can be read again. Raises ConfigError."""
    name = os.fspath(path)
    if again and name == STDIN:
        raise _refused(f"{name}: the standard input", "a regular file, which is read again on a reload")
    try:
        return _decoded(_standard_input() if name == STDIN else files.content(path, MAX_BYTES))
    except files.UnusableFileError as error:
        allowed = TAKES_STDIN if error.irregular and not again else error.allowed
        raise _refused(f"{name}: {error.found}", allowed) from error
    except OSError as error:
        raise _refused(f"{name}: {error.strerror}", "a readable file") from error


def _standard_input() -> bytes:
    body = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise _refused(f"{STDIN}: more than {MAX_BYTES} bytes", f"at most {MAX_BYTES} bytes")
    return body


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise _refused(f"a byte that is not UTF-8 at {error.start}", "a text in UTF-8") from error


def _refused(found: str, allowed: str) -> ConfigError:
    return ConfigError((Problem("", found, allowed),))
