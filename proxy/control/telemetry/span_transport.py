"""TLS towards a collector of spans, for the exporter's HTTP library: by the section `tracing.tls`, and by nothing else.

That library would add its own authorities to a context that it is given, and its own check of names; here neither is
asked. Imported where `tracing.tls` is configured alone: it comes with the extra `otel`.
"""

from __future__ import annotations

import ssl
import warnings
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.exceptions import InsecureRequestWarning

from proxy.contracts.tls import ClientTls
from proxy.tls.calls import CallContext
from proxy.tls.reason import TlsError, tls_reason


class SpanTransport(BaseAdapter):
    """Sends by the section in force. `why`: the word for why TLS failed the last time; "" where it did not.

    `use` is called by the loop, all else by the exporter's thread.
    """

    def __init__(self, tls: ClientTls) -> None:
        super().__init__()
        self._secured = CallContext("tracing.tls", tls)
        self._inner: _BySection | None = None
        self.why = ""

    def use(self, tls: ClientTls) -> None:
        """Sends by this section from the next batch on, over a new connection."""
        self._secured.use(tls)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """As the library says."""
        try:
            answer = self._current().send(request, *args, **options)
        except TlsError as error:
            self.why = error.reason
            raise requests.exceptions.SSLError(error, request=request) from error
        except Exception as error:
            self.why = tls_reason(error) or ""
            raise
        self.why = ""
        return answer

    def close(self) -> None:
        """As the library says."""
        if self._inner is not None:
            self._inner.close()

    def _current(self) -> _BySection:
        context = self._secured.get()
        if self._inner is None or self._inner.context is not context:
            self.close()
            self._inner = _BySection(context, self._secured.tls)
        return self._inner


def session_by(transport: SpanTransport) -> requests.Session:
    """A session of the library that sends by it."""
    session = requests.Session()
    session.mount("https://", transport)
    return session


class _BySection(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext, tls: ClientTls) -> None:
        self.context = context
        self._options: dict[str, Any] = {"ssl_context": context, "cert_reqs": "CERT_REQUIRED"}
        if tls.san:
            self._options["assert_hostname"] = False  # the context holds it to `san`
        if tls.insecure_skip_verify:
            self._options["cert_reqs"] = "CERT_NONE"
            warnings.simplefilter("ignore", InsecureRequestWarning)  # it is told at each start and on the page
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **options, **self._options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, **self._options)

    def build_connection_pool_key_attributes(self, *args: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        host, _ = super().build_connection_pool_key_attributes(*args, **options)
        return dict(host), {}

    def cert_verify(self, *_: Any) -> None:
        """Nothing of the library's own."""
