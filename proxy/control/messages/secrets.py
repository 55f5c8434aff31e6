"""Values that stand in files, and URLs without their secrets.

The path of a webhook's URL is often its password (Slack, Teams): what is logged or shown has scheme, host and port.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from proxy import files
from proxy.contracts.messages import BY_FILE

MAX_SECRET_BYTES = 4096
LEAST_PART = 4
"""Characters of a part of a URL from which on it may be a password."""
SEPARATORS = re.compile("[/?&=;#]")


class SecretError(Exception):
    """A value cannot be read from its file; says why, and nothing of what is in it."""


def secret_of(text: str) -> str:
    """A value, or what the file says that it names; read each time, so that a rotation is of the next call. Raises
    SecretError."""
    path = text.removeprefix(BY_FILE)
    if path == text:
        return text
    try:
        value = files.beginning(Path(path), MAX_SECRET_BYTES).strip().decode("ascii")
    except (OSError, ValueError) as error:
        raise SecretError(f"{path} cannot be read: {type(error).__name__}") from error
    if not value or not value.isprintable() or " " in value:
        raise SecretError(f"{path} holds no single word")
    return value


def shown(url: str) -> str:
    """A URL without what may be secret in it."""
    if url.startswith(BY_FILE):
        return url
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}{port}/…" if host else "a URL"
    except ValueError:
        return "a URL"


def without(text: str, *secrets: str) -> str:
    """A sentence of others without the secrets that it may repeat, whole or in part."""
    parts = {part for secret in secrets for part in parts_of(secret)}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "…")
    return text


def parts_of(secret: str) -> set[str]:
    """A secret, and of one that is a URL what may be a password of its own: its user, its path, each step of that and
    each value of its query, as they stand there and as they are decoded.

    >>> sorted(parts_of("https://hooks.example/services/T0123/abcdef?key=a%2Fbcdef"), key=len)[:3]
    ['T0123', 'abcdef', 'a/bcdef']
    """
    scheme, separator, rest = secret.partition("://")
    if not separator or scheme == secret:
        return {secret} if secret else set()
    host, _, path = rest.partition("/")
    user, _, _ = host.rpartition("@")
    steps = {*SEPARATORS.split(path), *user.split(":"), path, user}
    return {secret, *(each for step in steps for each in (step, unquote(step)) if len(each) >= LEAST_PART)}
