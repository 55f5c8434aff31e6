"""resolv.conf(5): which name servers are asked, and under which names. Read anew for each lookup."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

PATH: Final = "/etc/resolv.conf"
MAX_SERVERS: Final = 3
MAX_SEARCH: Final = 32
MAX_NDOTS: Final = 15
MAX_TIMEOUT: Final = 30.0
MAX_ATTEMPTS: Final = 5
"""As the C library caps them."""
MAX_BYTES: Final = 65536
"""Bytes of the file that are read."""
LOOPBACK: Final = "127.0.0.1"
"""Who is asked where the file names nobody."""


class ResolvConf:
    """What the file says. `timeout`: seconds for an answer of one server; `attempts`: rounds through the servers."""

    __slots__ = ("attempts", "ndots", "search", "servers", "timeout")

    def __init__(self) -> None:
        self.servers: list[str] = []
        self.search: list[str] = []
        self.ndots, self.timeout, self.attempts = 1, 5.0, 2

    def names(self, name: str) -> list[str]:
        """The names that `name` may mean, in the order in which they are asked for: with as many dots as `ndots` says
        it is itself the first, else the last; one that ends in a dot is nothing else."""
        if name.endswith("."):
            return [name.removesuffix(".")]
        searched = [f"{name}.{domain}" for domain in self.search]
        return [name, *searched] if name.count(".") >= self.ndots else [*searched, name]


def parse(text: str) -> ResolvConf:
    """The file's meaning; what cannot be understood in it is passed over, as by the C library."""
    conf = ResolvConf()
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        key, rest = words[0], words[1:]
        if key == "nameserver" and len(conf.servers) < MAX_SERVERS:
            conf.servers.append(rest[0])
        elif key in ("search", "domain"):
            conf.search = [each.strip(".") for each in rest[:MAX_SEARCH] if each.strip(".")]
        elif key == "options":
            _options(conf, rest)
    conf.servers = conf.servers or [LOOPBACK]
    return conf


def _options(conf: ResolvConf, words: list[str]) -> None:
    for name, number in _numbers(words):
        if name == "ndots":
            conf.ndots = min(number, MAX_NDOTS)
        elif name == "timeout":
            conf.timeout = min(max(float(number), 1.0), MAX_TIMEOUT)
        elif name == "attempts":
            conf.attempts = min(max(number, 1), MAX_ATTEMPTS)


def _numbers(words: list[str]) -> Iterator[tuple[str, int]]:
    for word in words:
        name, _, value = word.partition(":")
        if value.isascii() and value.isdigit():
            yield name, int(value[:6])


def load(path: str = PATH) -> ResolvConf:
    """The file as it is now; without one, the loopback is asked."""
    try:
        with open(path, "rb") as file:
            return parse(file.read(MAX_BYTES).decode("utf-8", "replace"))
    except OSError:
        return parse("")
