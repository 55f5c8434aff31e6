"""The command at a real terminal, in front of an API that answers what it is told to."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from typer.testing import CliRunner

from proxy.cli.main import app
from tests.support.canned_api import CannedApi
from tests.support.running import eventually

CODES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")

WITHIN = 'exec <>"$1" >&0 2>&0; shift; exec "$@"'
"""What makes a terminal the one of a session, so that Ctrl-C reaches it."""


class Seat:
    """Somebody at a terminal of 80 columns."""

    def __init__(self, api: CannedApi, **environ: str) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.raw = ""
        terminal = os.ttyname(self.slave)
        command = (
            "sh",
            "-c",
            WITHIN,
            "sh",
            terminal,
            sys.executable,
            "-P",
            "-m",
            "proxy",
            "top",
            "--admin",
            api.url,
            "--every",
            "0.2",
        )
        self.process = subprocess.Popen(command, start_new_session=True, env=os.environ | environ)

    def sees(self, text: str) -> None:
        """Returns when it stands there; what came until then is forgotten."""
        eventually(lambda: self._read() or text in CODES.sub("", self.raw), f"{text!r} in {self.raw[-2000:]!r}")
        self.raw = ""

    def _read(self) -> None:
        while select.select([self.master], [], [], 0.0)[0]:
            self.raw += os.read(self.master, 65_536).decode()

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def leaves(self) -> str:
        """The rest of what is written until the command has ended well; the terminal is as it was."""
        eventually(lambda: self._read() or self.process.poll() is not None, "its end")
        self._read()
        assert self.process.returncode == 0, self.raw
        assert termios.tcgetattr(self.slave) == self.before
        return self.raw


@contextmanager
def seat(api: CannedApi, **environ: str) -> Iterator[Seat]:
    taken = Seat(api, **environ)
    try:
        yield taken
    finally:
        taken.process.kill()
        taken.process.wait()
        os.close(taken.master)
        os.close(taken.slave)


def test_a_person_at_a_terminal_sees_moves_is_told_and_leaves() -> None:
    with CannedApi() as api, seat(api, TERM="xterm", NO_COLOR="1") as taken:
        taken.sees("> fraud        ramping     10 v2              100   30 of 6,000")
        taken.press("\x1b[B")
        taken.sees("> steady")
        taken.press("k\r")
        taken.sees("error rate           v2            1.2  <= 1.5 x      738 undecided 0.50 ###...")
        api.refused["/v1/routes"] = 503
        taken.sees("no figures of the admin API since ")
        api.refused.clear()
        api.documents["/v1/routes"]["revision"] = 8
        taken.sees("table 8")
        taken.press("\x1b[D")
        taken.sees("> fraud")
        taken.press("q")
        assert taken.leaves().endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")


def test_a_dumb_terminal_is_written_to_and_never_told_what_to_do() -> None:
    with CannedApi() as api, seat(api, TERM="dumb") as taken:
        taken.sees("> fraud")
        taken.press("\x03")
        assert "\x1b" not in taken.leaves()


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["top", *arguments], env={"COLUMNS": "80"})
    return result.exit_code, result.stdout, result.stderr


def test_without_a_terminal_it_is_printed_once() -> None:
    with CannedApi() as api:
        code, said, _ = run("--admin", api.url)
        assert code == 0
        assert "> fraud" in said
        assert "\x1b" not in said
        code, said, _ = run("fraud", "--admin", api.url, "--once")
        assert code == 0
        assert "error rate           v2" in said


def test_a_route_that_is_not_there_a_refusal_and_an_absence_have_their_codes() -> None:
    with CannedApi() as api:
        assert run("none", "--admin", api.url) == (1, "", "there is no route none\n")
        api.refused["/v1/routes"] = 401
        assert run("--admin", api.url) == (1, "", "Refused: no token\n")
    code, _, said = run("--admin", api.url)
    assert code == 3
    assert "Connection refused" in said
