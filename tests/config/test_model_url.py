"""URLs of model servers."""

from __future__ import annotations

import pytest

from proxy.config.model_url import base_url
from proxy.config.values import Refused


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("http://models:9000/base/", ("models", 9000, "models:9000", "/base", "system", False)),
        ("http+dns://models.svc", ("models.svc", 80, "models.svc", "", "dns", False)),
        ("HTTP+DNS://models.svc.:8080/b", ("models.svc.", 8080, "models.svc.:8080", "/b", "dns", False)),
        ("http+srv://_http._tcp.models.svc/b/", ("_http._tcp.models.svc", 0, "models.svc", "/b", "srv", False)),
        ("http+srv://_Web-2._TCP.models.svc.", ("_web-2._tcp.models.svc.", 0, "models.svc.", "", "srv", False)),
        ("https://models/base", ("models", 443, "models", "/base", "system", True)),
        ("https://models:443", ("models", 443, "models", "", "system", True)),
        ("https://models:80", ("models", 80, "models:80", "", "system", True)),
        ("https://[::1]:8443", ("::1", 8443, "[::1]:8443", "", "system", True)),
        ("HTTPS+dns://models.svc", ("models.svc", 443, "models.svc", "", "dns", True)),
        ("https+srv://_https._tcp.models.svc", ("_https._tcp.models.svc", 0, "models.svc", "", "srv", True)),
    ],
)
def test_what_is_read(text: str, read: tuple[str, int, str, str, str, bool]) -> None:
    assert base_url(text) == read


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("ftp://h", "or http"),
        ("http+udp://h", "or http"),
        ("http+://h", "or http"),
        ("https+srv://_https._tcp.models.svc:443", "without a port"),
        ("http+srv://models.svc", "a service, a protocol and a name"),
        ("http+srv://_http.models.svc", "a service, a protocol and a name"),
        ("http+srv://_http._tcp.", "a service, a protocol and a name"),
        ("http+srv://_http._tcp.models.svc:80", "without a port"),
        ("http+srv://127.0.0.1", "not looked up"),
        ("http+dns://[::1]:80", "not looked up"),
        ("http+dns://me:secret@h", "without user name"),
    ],
)
def test_what_is_refused(text: str, allowed: str) -> None:
    with pytest.raises(Refused, match=allowed):
        base_url(text)


@pytest.mark.parametrize("url", ["http://h/p?key=made-up", "http://h/p?a#made-up", "http://u:made-up@h"])
def test_a_key_in_a_url_is_not_repeated(url: str) -> None:
    with pytest.raises(Refused) as refused:
        base_url(url)
    assert refused.value.found in ("a URL with a query", "a URL with credentials")
