"""One call of the admin API for the command line. A refusal or an absence ends the command with a sentence."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from typing import Any

import aiohttp
import typer

from proxy.cli.exit_codes import EXIT_NO, EXIT_UNREACHABLE

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=10)
"""Seconds; every answer of the API is a look into memory or one write to disk."""


def ask(admin: str, token: str, method: str, path: str, body: object = None, otherwise: str = "") -> Any:
    """The JSON answer. Ends the command when there is none (exit code 3) or it is a refusal (1).

    - `otherwise`: the path that is asked where no route is of that name
    """
    base = (admin if "://" in admin else f"http://{admin}").rstrip("/")
    try:
        status, answer = asyncio.run(_ask(base + path, token, method, body))
        if otherwise and status == 404 and "unknown-route" in str(answer):
            status, answer = asyncio.run(_ask(base + otherwise, token, method, body))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        _end(f"the admin API at {base} cannot be reached (--admin says where it is): {_why(error)}", EXIT_UNREACHABLE)
    if status >= 400:
        _end(_refusal(status, answer), EXIT_NO)
    return answer


async def _ask(url: str, token: str, method: str, body: object) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(headers=headers, timeout=REQUEST_TIMEOUT) as session,
        session.request(method, url, json=body, allow_redirects=False) as response,
    ):
        return response.status, await response.json(content_type=None)


def _why(error: Exception) -> str:
    """The system's words for an error of the system, such as `Connection refused`; else those of the library."""
    if isinstance(error, OSError) and error.errno and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _refusal(status: int, answer: Any) -> str:
    if not isinstance(answer, dict):
        return f"refused with status {status}"
    return f"{answer.get('title', f'Refused with status {status}')}: {answer.get('detail', '')}"


def _end(sentence: str, code: int) -> None:
    print(sentence, file=sys.stderr)
    raise typer.Exit(code)
