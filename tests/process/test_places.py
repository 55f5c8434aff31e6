"""It runs where it is put: on every family of addresses that there is, as whatever user."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from pathlib import Path

import pytest

from tests.process.conftest import Start, Write
from tests.support.running import Running, call


def test_traffic_and_api_are_heard_on_each_of_their_addresses(start: Start) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 on this machine")
    running = start(listen='["127.0.0.1:0", ":0", "[::1]:0"]')
    addresses = running.event("listening")["data"].split(", ")
    assert len(addresses) == 4
    for address in addresses:
        reached = address.replace("[::]", "[::1]").replace("0.0.0.0", "127.0.0.1")
        assert call(reached, "GET", "/").version == "a"


ANYBODY = 1_000_650_000
"""A user id as OpenShift gives one: it has no name, no home, and the group 0."""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root becomes another user")
def test_any_user_with_group_0_without_a_home_or_a_folder_for_temporary_files(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write()
    config.chmod(0o644)
    volume = tmp_path / "volume"
    volume.mkdir()
    os.chown(volume, 10001, 0)
    volume.chmod(0o775)
    config.write_text(config.read_text().replace(str(tmp_path / "state.db"), str(volume / "state.db")))
    for name in ("HOME", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", "/proc")  # nobody can write there
    # The interpreter of this run may lie in root's home: it may be read, and nothing more.
    reading = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
    wrap = ("setpriv", "--reuid", str(ANYBODY), "--regid", "0", "--clear-groups", *reading)
    with Running(config, wrap=wrap) as running:
        assert running.get().version == "a"
        assert running.ask("PUT", "/v1/routes/r/split", {"b": 1}).status == 200
        running.kill(running.pid, signal.SIGTERM)
        running.wait()  # so that no file is left between its making and its mode
    found = {path.name: path.stat() for path in volume.iterdir()}
    assert found["state.db"].st_uid == ANYBODY
    assert not {name: oct(status.st_mode) for name, status in found.items() if status.st_mode & 0o060 != 0o060}
