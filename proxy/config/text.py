"""The text of a configuration: from a regular file of bounded size, or from the standard input.

A configuration is read again and again, on SIGHUP and when it changes, so that `run` needs a file. Commands that read
it once take `-` as well, as kubectl does: `envsubst < penumbra.yaml | penumbra check -`. Process substitution,
`<(…)`, is a pipe and refused: nobody could tell it from one that has no other end.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from proxy import files
from proxy.config.tree import MAX_CHARACTERS
from proxy.contracts.settings import ConfigError, Problem

STDIN = "-"
"""The name of the standard input."""

MAX_LINE = 1 << 20
"""Bytes of a beginning in which the first line ends, where a file is one of lines."""

LINES = "lines of JSON, as a capture has them"
DOCUMENTS = {
    "_type": "an in-toto statement, as a package is",
    "payloadType": "a signed document, as a package is",
    "verdict": "a report of a replay",
}
CONFIGURATION = "a configuration: YAML, or one object of JSON"

MAX_BYTES = 4 * MAX_CHARACTERS
"""Bytes of a configuration: as many as its characters may take in UTF-8."""

TAKES_STDIN = "a regular file, or - for the standard input"


def text_of(path: str | os.PathLike[str], *, again: bool = False) -> str:
    """The text of the file at `path`; `again`: it has to be one that can be read again. Raises ConfigError."""
    name = os.fspath(path)
    if again and name == STDIN:
        raise _refused(f"{name}: the standard input", "a regular file, which is read again on a reload")
    try:
        body = _standard_input() if name == STDIN else files.content(path, MAX_BYTES)
    except files.UnusableFileError as error:
        if not error.irregular and _has_lines_of_json(files.beginning(Path(path), MAX_LINE)):
            raise _refused(f"{name}: {LINES}", CONFIGURATION) from error
        allowed = TAKES_STDIN if error.irregular and not again else error.allowed
        raise _refused(f"{name}: {error.found}", allowed) from error
    except OSError as error:
        raise _refused(f"{name}: {error.strerror}", "a readable file") from error
    if found := _document(body):
        raise _refused(f"{name}: {found}", CONFIGURATION)
    return _decoded(body)


def _document(body: bytes) -> str:
    """What else of this program a text is, by a key that no configuration has; "": none."""
    if not body.lstrip().startswith(b"{"):
        return ""
    if _has_lines_of_json(body):
        return LINES
    try:
        keys = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return next((what for key, what in DOCUMENTS.items() if key in keys), "")


def _has_lines_of_json(body: bytes) -> bool:
    """Whether a text is several objects of JSON, one a line: as a whole it is no YAML, and what YAML says of it helps
    nobody."""
    first, _, more = body.lstrip().partition(b"\n")
    if not (first.startswith(b"{") and more.lstrip().startswith(b"{")):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


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
