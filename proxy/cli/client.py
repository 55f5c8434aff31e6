"""One call of the admin API for the command line. A refusal or an absence ends the command with a sentence."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import ssl
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp
import typer

from proxy.cli.access import Access
from proxy.cli.exit_codes import EXIT_NO, EXIT_UNREACHABLE
from proxy.contracts.bounds import clipped, writable
from proxy.tls.reason import Reason, reason_of

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=10)
"""Seconds; every answer of the API is a look into memory or one write to disk."""


def ask(access: Access, method: str, path: str, body: object = None, otherwise: str = "", absent: object = None) -> Any:
    """The JSON answer. Ends the command when there is none (exit code 3) or it is a refusal (1).

    - `otherwise`: the path that is asked where no route is of that name
    - `absent`: the answer where nothing is at the path, as with an earlier version of the program; None: a refusal
    """
    base, context = access.base, access.context
    try:
        status, answer = asyncio.run(_ask(base + path, access, context, method, body))
        if otherwise and status == 404 and "unknown-route" in str(answer):
            status, answer = asyncio.run(_ask(base + otherwise, access, context, method, body))
    except ForeignError as foreign:
        _end(foreign.told(access), EXIT_UNREACHABLE)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        _end(unreachable(access, why_of(error, access)), EXIT_UNREACHABLE)
    if status == 404 and absent is not None:
        return absent
    if status >= 400:
        _end(refusal(status, answer), EXIT_NO)
    return answer


MAX_SAID = 80
"""Characters of a foreign answer that are shown."""
OURS = ("application/json", "application/problem+json")
"""What documents of the API are sent as; a refusal of it has a `type`, and a gate a `verdict`."""


class ForeignError(Exception):
    """Somebody answers who is not Penumbra's admin API; the message says how."""

    def told(self, access: Access) -> str:
        """What is said of it."""
        return f"{access.base} answers, but not as Penumbra's admin API (--admin says where it is): {self}"


async def answer_of(response: aiohttp.ClientResponse) -> Any:
    """The document of an answer. Raises ForeignError: it is none of ours."""
    status, sent, found = response.status, b"", None
    if response.content_type in OURS:
        sent = await response.read()
        with suppress(ValueError):
            found = json.loads(sent)
    if isinstance(found, dict | list) and (status < 300 or "type" in found or "verdict" in found):
        return found
    sent = sent or await response.content.read(4 * MAX_SAID)
    said = " ".join(writable(sent[: 4 * MAX_SAID].decode(errors="replace")).split())
    raise ForeignError(f"status {status}, {clipped(said, MAX_SAID) or 'without content'}")


def unreachable(access: Access, why: str) -> str:
    """What is said where there is no API."""
    return f"the admin API at {access.base} cannot be reached (--admin says where it is): {why}"


def tried(access: Access, paths: Sequence[str], seconds: float) -> tuple[int, Any]:
    """Status and answer of the first path that is known, within so many seconds; 0 and a reason where there is none."""

    async def first() -> tuple[int, Any]:
        async with asyncio.timeout(seconds):
            for path in paths:
                status, answer = await _ask(access.base + path, access, access.context, "GET", None)
                if status != 404 or "unknown-route" not in str(answer):
                    break
            return status, answer

    try:
        return asyncio.run(first())
    except ForeignError as foreign:
        return 0, foreign.told(access)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return 0, _why(error)


async def _ask(url: str, access: Access, context: ssl.SSLContext | None, method: str, body: object) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
    headers |= {"If-Match": access.if_match} if access.if_match else {}
    secured: dict[str, Any] = {"ssl": context, "server_hostname": access.asked_name} if context else {}
    async with (
        aiohttp.ClientSession(headers=headers, timeout=REQUEST_TIMEOUT) as session,
        session.request(method, url, json=body, allow_redirects=False, **secured) as response,
    ):
        return response.status, await answer_of(response)


def why_of(error: Exception, access: Access) -> str:
    """Why there is no answer."""
    return _why_not_by_tls(error, access) if access.base.startswith("https://") else _why(error)


def _why(error: Exception) -> str:
    """The system's words for an error of the system, such as `Connection refused`; else those of the library."""
    if isinstance(error, OSError) and error.errno and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


NOT_VERIFIED: dict[Reason, str] = {
    "untrusted": "its certificate is of no authority that is trusted here ({said}): --ca says which file has it",
    "expired": "its certificate is not valid now ({said})",
    "name_mismatch": "its certificate is of another name ({said}): --server-name says which it is to have",
}
"""What is wrong with its certificate."""

NOT_LET_IN: dict[Reason, str] = {
    "no_certificate": "it asks for a certificate: --cert and --key",
    "untrusted": "it does not trust the certificate of --cert (admin.tls.client_ca)",
    "expired": "it says that the certificate of --cert is not valid now",
    "closed": "it has ended the connection: it may not let in the certificate of --cert (admin.tls.allow)",
    "not_tls": "it speaks no TLS: ask by http://",
    "protocol": "it speaks no version of TLS that is spoken here (1.2, 1.3)",
}
"""What it has against this client."""


def _why_not_by_tls(error: Exception, access: Access) -> str:
    """The same, where TLS may be the reason; with what to do about it."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        said = cause.verify_message.rstrip(".")
        return NOT_VERIFIED[_known(reason_of(cause), NOT_VERIFIED)].format(said=said)
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return NOT_LET_IN["closed" if access.cert else "no_certificate"]
    if isinstance(cause, ConnectionRefusedError):
        return _why(cause)
    return NOT_LET_IN.get(reason_of(cause)) or _why(error)


def _known(reason: Reason, sentences: dict[Reason, str]) -> Reason:
    return reason if reason in sentences else "untrusted"


def refusal(status: int, answer: Any) -> str:
    """A refusal in words."""
    if not isinstance(answer, dict):
        return f"refused with status {status}"
    return f"{answer.get('title', f'Refused with status {status}')}: {answer.get('detail', '')}"


def _end(sentence: str, code: int) -> None:
    print(sentence, file=sys.stderr)
    raise typer.Exit(code)
