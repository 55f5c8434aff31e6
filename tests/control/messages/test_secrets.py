"""Secrets: read from files, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.control.messages.secrets import SecretError, secret_of, shown, without


def test_a_value_is_itself_or_what_its_file_holds_now(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for value in ("one", "two"):
        path.write_text(f"{value}\n")
        assert secret_of(f"file:{path}") == value
    assert secret_of("plain") == "plain"


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff", b"line\nline", None])
def test_what_is_no_value_says_why_and_nothing_of_it(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecretError) as raised:
        secret_of(f"file:{path}")
    assert str(path) in str(raised.value) and "words" not in str(raised.value).replace("holds no single word", "")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://hooks.slack.example/services/T0/B0/s3cret?x=y", "https://hooks.slack.example/…"),
        ("http://127.0.0.1:8080/s3cret", "http://127.0.0.1:8080/…"),
        ("http://[::1]:8080/s3cret", "http://[::1]:8080/…"),
        ("file:/run/secrets/slack", "file:/run/secrets/slack"),
        ("https://s3cret@[bad", "a URL"),
        ("s3cret", "a URL"),
    ],
)
def test_of_a_url_the_host_is_shown(url: str, told: str) -> None:
    assert shown(url) == told and "s3cret" not in told


def test_what_others_say_is_told_without_secrets() -> None:
    assert without("no such path /a/b for tok", "/a/b", "tok", "") == "no such path … for …"


URL = "https://me:pass-word@hooks.example:8443/services/T0123456/B%2F456789/XyZ12345?token=q-secret&sig=s%3Dsecret"
PARTS = ("pass-word", "T0123456", "B%2F456789", "B/456789", "XyZ12345", "q-secret", "s%3Dsecret", "s=secret")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_url_that_may_be_a_password_is_told_by_nobody(part: str) -> None:
    said = without(f"no such hook: {part}, see docs", URL)
    assert part not in said
    assert said.startswith("no such hook: ") and said.endswith(", see docs")


def test_the_host_of_a_url_may_be_told() -> None:
    assert without("hooks.example:8443 refused", URL) == "hooks.example:8443 refused"
    assert without("anything", "") == "anything"
