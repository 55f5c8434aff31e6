"""How TLS is spoken to each version: whom it trusts, and what it shows.

1. A context is made once of each material, never for a connection; versions with the same section share it.
2. Another material makes another context: new connections have it at once, and those of the old one end, the idle ones
   now, busy ones with their present exchange. Sessions belong to a context, so none is resumed across that.
3. A material of which no context can be made leaves the one that is in force, and says so.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from typing import Any, Final

from proxy.contracts.table import Table, Version
from proxy.contracts.tls import ClientTls
from proxy.dataplane.handshakes import Handshakes
from proxy.dataplane.tally import Tally
from proxy.dataplane.tls_failed import TlsFailed
from proxy.tls.client import client_context
from proxy.tls.peer import shown, verify
from proxy.tls.reason import TlsError

log = logging.getLogger("penumbra.worker")

ALPN: Final = {1: ["http/1.1"], 2: ["h2"]}
"""What connections of each version of HTTP offer (RFC 7301): a server that speaks only the other says so in the
handshake."""

MakeContext = Callable[[ClientTls, list[str]], ssl.SSLContext]


class Trust:
    """TLS towards version `name`, of one material, and how its handshakes go.

    - `context`: None: connections are in clear
    - `server_name`: what is asked for, and what the certificate is for
    - `gone`: another one is in force; `http`: the version of HTTP that is offered
    """

    __slots__ = ("_handshakes", "_name", "context", "gone", "http", "server_name", "tls")

    def __init__(
        self,
        name: str,
        tls: ClientTls,
        context: ssl.SSLContext | None,
        server_name: str,
        handshakes: Handshakes,
        http: int = 1,
    ) -> None:
        self._name, self._handshakes = name, handshakes
        self.tls, self.context, self.server_name = tls, context, server_name
        self.gone, self.http = False, http

    def check(self, session: Any) -> None:
        """A handshake is complete; `session`: its `ssl.SSLObject`. Raises TlsFailed where the other side is not who it
        has to be, as far as `ssl` itself does not check that."""
        if self.tls.san:
            try:
                verify(self.tls, shown(session))
            except TlsError as error:
                raise self.failed(error) from error
        self._handshakes.succeeded(self._name)

    def failed(self, error: Exception | str) -> TlsFailed:
        """A handshake has failed; or the other side has refused what it was shown, after it (RFC 8446 §4.4.2.4)."""
        return self._handshakes.failed(self._name, error)


IN_CLEAR: Final = Trust("", ClientTls(), None, "", Handshakes(Tally()))
"""That of a connection without TLS."""

DEFAULT: Final = ClientTls()
"""The section of a version without one."""


def host_of(version: Version) -> str:
    """The name that a version's certificate is for: that of its URL; of a service its domain (RFC 6125 §6.2.1). Without
    the dot of the root (RFC 6066 §3)."""
    host = version.authority if version.lookup == "srv" else version.host
    return host.removesuffix(".")


class Trusts:
    """The trust of each version of the table in force."""

    __slots__ = ("_by_version", "_handshakes", "_make", "_unusable")

    def __init__(self, handshakes: Handshakes, make: MakeContext = client_context) -> None:
        self._handshakes, self._make = handshakes, make
        self._by_version: dict[str, Trust] = {}
        self._unusable: dict[str, ClientTls] = {}

    def of(self, version: Version) -> Trust:
        """How connections to `version` are made. Raises TlsFailed where its material was never of use."""
        if not version.secure:
            return IN_CLEAR
        trust = self._by_version.get(version.name)
        if trust is None:
            raise self._handshakes.failed(version.name, "own")
        return trust

    def follow(self, table: Table) -> bool:
        """Puts the materials of `table` in force. True: connections of others have to end."""
        before = self._by_version
        secure = [version for version in table.versions.values() if version.secure]
        self._by_version = {}
        contexts = {(trust.tls, trust.http): trust.context for trust in before.values()}
        for version in secure:
            trust = self._followed(version, table.tls.get(version.name, DEFAULT), before.get(version.name), contexts)
            if trust is not None:
                self._by_version[version.name] = trust
        old = [trust for name, trust in before.items() if self._by_version.get(name) is not trust]
        for trust in old:
            trust.gone = True
        self._handshakes.keep(frozenset(version.name for version in secure))
        return bool(old)

    def _followed(
        self,
        version: Version,
        tls: ClientTls,
        before: Trust | None,
        contexts: dict[tuple[ClientTls, int], ssl.SSLContext | None],
    ) -> Trust | None:
        name, server_name = version.name, tls.server_name.removesuffix(".") or host_of(version)
        key = (tls, version.http)
        if before is not None and (before.tls, before.http) == key and before.server_name == server_name:
            return before
        context = contexts.get(key) or self._made(name, tls, version.http)
        if context is None:
            return before
        contexts[key] = context
        return Trust(name, tls, context, server_name, self._handshakes, version.http)

    def _made(self, name: str, tls: ClientTls, http: int) -> ssl.SSLContext | None:
        if self._unusable.get(name) == tls:
            return None
        try:
            context = self._make(tls, ALPN[http])
        except Exception as error:  # control has checked it: whatever it is, others must not suffer from it
            self._unusable[name] = tls
            log.error("version %s: TLS cannot be set up, what was in force stays: %s", name, error)
            return None
        self._unusable.pop(name, None)
        return context
