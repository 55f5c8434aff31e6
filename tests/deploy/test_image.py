"""The Dockerfile is clean, copies only what the context lets in, and its hashed locks are those of the tests."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PIN = re.compile(r"^([a-z0-9-]+==[^\s\\]+)", re.MULTILINE)


def test_hadolint_has_nothing_to_say() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    if not hadolint:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_holds_what_was_tested() -> None:
    hashed = (ROOT / "deploy/docker/runtime.txt").read_text()
    assert PIN.findall(hashed) == PIN.findall((ROOT / "requirements/runtime.txt").read_text())


def test_the_image_is_built_with_what_was_tested() -> None:
    tested = set(PIN.findall((ROOT / "requirements/dev.txt").read_text()))
    assert set(PIN.findall((ROOT / "deploy/docker/build.txt").read_text())) <= tested


@pytest.mark.parametrize("name", ["runtime.txt", "build.txt"])
def test_every_pin_has_hashes(name: str) -> None:
    text = (ROOT / "deploy/docker" / name).read_text()
    assert PIN.findall(text)
    assert len(re.findall(r"==[^ ]+ \\\n +--hash=sha256:[0-9a-f]{64}", text)) == len(PIN.findall(text))


def test_everything_copied_is_there_and_in_the_context() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source == each or source.startswith(f"{each}/") for each in allowed), source


def test_the_proxy_runs_as_any_user_that_is_not_root_and_has_group_0() -> None:
    stage = DOCKERFILE[DOCKERFILE.index("AS penumbra\n") :]
    assert "USER 10001:0" in stage
    assert "install -d -o 10001 -g 0 -m 0770 /var/lib/penumbra" in stage
    assert "useradd" not in stage
    assert "HEALTHCHECK" in stage
    assert 'ENTRYPOINT ["penumbra"]' in stage


def test_model_settings_stand_beside_each_model(tmp_path: Path) -> None:
    (tmp_path / "cancer-v1").mkdir()
    (tmp_path / "cancer-v1" / "model.joblib").touch()
    subprocess.run([sys.executable, str(ROOT / "deploy/docker/model-settings.py"), str(tmp_path)], check=True)
    model = json.loads((tmp_path / "cancer-v1" / "model-settings.json").read_text())
    assert model["parameters"] == {"uri": str(tmp_path / "cancer-v1" / "model.joblib"), "version": "cancer-v1"}
    assert json.loads((tmp_path / "cancer-v1" / "settings.json").read_text())["http_port"] == 8080
