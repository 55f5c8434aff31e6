"""What is wrong with a server for a fleet, in sentences that name `fleet.redis` and quote no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    RedisClusterException,
    ResponseError,
)
from redis.exceptions import TimeoutError as LateAnswerError

from proxy.contracts.durations import in_units
from proxy.control.fleet.address import StoreAddress
from proxy.control.fleet.redis_connection import ANSWER_SECONDS, CALL_SECONDS
from proxy.control.fleet.store import StoreUnfitError
from proxy.tls.reason import tls_reason

LEAST_VERSION = (6, 2)
"""Exclusive ranges of streams came with it."""

LONGEST_TEXT = 300
"""Characters of a server's own words that are repeated."""

FOREIGN_STATE = "fleet.redis: the key `state` there is not of this program: delete the keys of the fleet"


def checked(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What `INFO` says against a server for a fleet, as warnings. Raises StoreUnfitError where it cannot serve one."""
    version = str(facts.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isascii() and part.isdecimal())
    if not numbers:
        raise StoreUnfitError("fleet.redis: what answers there is no Redis: its INFO names no redis_version")
    if numbers < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise StoreUnfitError(f"fleet.redis: Redis {version} is older than {least}, the oldest that a fleet can use")
    if str(facts.get("role", "master")) != "master":
        raise StoreUnfitError("fleet.redis: the server is a replica, which takes no writes: name the primary")
    return tuple(_of_memory(facts))


def _of_memory(facts: Mapping[str, Any]) -> list[str]:
    policy, limit = str(facts.get("maxmemory_policy", "noeviction")), str(facts.get("maxmemory", 0))
    if policy == "noeviction" or limit == "0":
        return []
    return [
        f"fleet.redis: maxmemory-policy is {policy}, so Redis may drop the fleet's state when its memory is full: "
        "set noeviction"
    ]


def of_another_type(fault: BaseException) -> bool:
    """Whether what another program wrote is in the way."""
    return isinstance(fault, ResponseError) and str(fault).startswith("WRONGTYPE")


def said(error: BaseException, address: StoreAddress, connecting: bool = False) -> str:
    """One sentence on a failed call. A server's text may quote what it was sent, so passwords are taken out of it.

    - `connecting`: whether there was no connection yet, so that the address may be the fault
    """
    shown = address.shown
    if isinstance(error, TimeoutError | LateAnswerError):
        limit = ANSWER_SECONDS if isinstance(error, LateAnswerError) else CALL_SECONDS
        hint = " (rediss:// expects TLS there)" if connecting and address.encrypted else ""
        return f"no answer within {in_units(limit)} from {shown}{hint}"
    text = str(error)
    for secret in filter(None, (address.password, str(address.sentinel.get("password") or ""))):
        text = text.replace(secret, "***")
    text = text[:LONGEST_TEXT]
    if isinstance(error, AuthenticationError | AuthorizationError):
        return f"{shown} refuses the user or password of fleet.redis: {text}"
    if isinstance(error, NoPermissionError):
        return f"{shown} does not allow the user of fleet.redis what a fleet needs: {text}"
    if isinstance(error, OutOfMemoryError):
        return f"{shown} takes no more, because used memory > 'maxmemory': raise it"
    why = tls_reason(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or why == "name_mismatch":
        return f"the certificate of {shown} is not trusted ({why or 'untrusted'}): {text}"
    if why:
        return f"tls_failed ({why}) at {shown}: {text}"
    if isinstance(error, InvalidResponse):
        return f"fleet.redis: what answers as {shown} is no Redis: {text}"
    if isinstance(error, RedisClusterException) and address.kind == "cluster":
        return f"{shown} is no cluster that serves, as redis+cluster:// says: {text}"
    if connecting and not address.encrypted and ("reset" in text or "closed" in text):
        return f"{shown}: {text} (where it speaks TLS, fleet.redis begins with rediss://)"
    return f"{shown}: {text or type(error).__name__}"
