"""What is said against a server, and of faults of one."""

from __future__ import annotations

from typing import Any

import pytest
from redis import exceptions
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from proxy.control.fleet.address import StoreAddress, address_of
from proxy.control.fleet.redis_faults import LONGEST_TEXT, checked, of_another_type, said
from proxy.control.fleet.store import StoreUnfitError
from proxy.tls.reason import TlsError

GOOD = {"redis_version": "7.0.15", "role": "master", "maxmemory": 0, "maxmemory_policy": "noeviction"}


@pytest.mark.parametrize("version", ["6.2", "6.2.14", "7.0.15", "8.1.0", "10.0", "7.2.5-rc1", 7.2])
def test_a_server_that_can_serve_a_fleet(version: Any) -> None:
    assert checked(GOOD | {"redis_version": version}) == ()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "is no Redis"),
        ({"redis_version": ""}, "is no Redis"),
        ({"redis_version": "unknown"}, "is no Redis"),
        (GOOD | {"redis_version": "6.1.9"}, "Redis 6.1.9 is older than 6.2"),
        (GOOD | {"redis_version": "2.10"}, "older than 6.2"),
        (GOOD | {"redis_version": "6"}, "older than 6.2"),
        (GOOD | {"role": "slave"}, "is a replica"),
    ],
)
def test_a_server_that_cannot_is_refused_by_the_name_of_the_option(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(StoreUnfitError, match=said) as caught:
        checked(facts)
    assert str(caught.value).startswith("fleet.redis: ")


def test_a_policy_is_a_warning_where_memory_is_limited() -> None:
    (warning,) = checked(GOOD | {"maxmemory": 64, "maxmemory_policy": "volatile-lru"})
    assert "fleet.redis: maxmemory-policy is volatile-lru" in warning
    assert checked(GOOD | {"maxmemory_policy": "allkeys-lru"}) == ()
    assert checked({"redis_version": "7.0"}) == ()


def test_the_password_of_sentinels_is_not_shown_either() -> None:
    address = StoreAddress("sentinel", (("h", 1),), password="s3cret/", sentinel={"password": "of-sentinels"})
    assert said(RedisError(f"AUTH {'s3cret/'} of-sentinels"), address) == "Redis at h:1: AUTH *** ***"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            TlsError("of dns:a, not of dns:b", "name_mismatch"),
            "the certificate of Redis at h:6379 is not trusted (name_",
        ),
        (TlsError("TLSV13_ALERT_CERTIFICATE_REQUIRED", "no_certificate"), "tls_failed (no_certificate) at Redis at h:"),
    ],
)
def test_where_tls_failed_the_reason_is_said(error: TlsError, sentence: str) -> None:
    caught = exceptions.ConnectionError(f"Error while connecting: {error}")
    caught.__cause__ = error
    assert said(caught, address_of("rediss://h"), True).startswith(sentence)


@pytest.mark.parametrize(
    ("url", "error", "hint"),
    [
        ("redis://h", ConnectionError("Connection closed by server."), "begins with rediss://"),
        ("redis://h", OSError(104, "Connection reset by peer"), "begins with rediss://"),
        ("rediss://h", TimeoutError(), "rediss:// expects TLS there"),
        ("rediss://h", OSError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] unknown"), "certificate of Redis at h:6379 is not"),
        ("redis+cluster://h", RedisClusterException("mode is not enabled"), "is no cluster that serves"),
    ],
    ids=["closed", "reset", "silent", "untrusted", "no cluster"],
)
def test_while_connecting_the_address_may_be_the_fault(url: str, error: Exception, hint: str) -> None:
    address = address_of(url)
    assert hint in said(error, address, True)
    assert ("//" in said(error, address)) == (address.kind == "cluster")


def test_a_server_that_talks_much_is_not_repeated_whole() -> None:
    assert len(said(RedisError("x" * 10_000), address_of("redis://h"))) < LONGEST_TEXT + 50


def test_what_another_program_wrote_is_told_from_other_faults() -> None:
    assert of_another_type(ResponseError("WRONGTYPE Operation against a key"))
    assert not of_another_type(ResponseError("OOM"))
    assert not of_another_type(ValueError("WRONGTYPE"))
