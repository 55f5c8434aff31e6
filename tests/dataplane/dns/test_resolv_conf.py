"""resolv.conf."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from proxy.dataplane.dns.resolv_conf import LOOPBACK, MAX_ATTEMPTS, MAX_NDOTS, MAX_SERVERS, load, parse

POD = """
nameserver 10.96.0.10  # of the cluster
search default.svc.cluster.local svc.cluster.local cluster.local
options ndots:5 timeout:2 attempts:3 edns0
"""


def test_that_of_a_pod() -> None:
    conf = parse(POD)
    assert conf.servers == ["10.96.0.10"] and (conf.ndots, conf.timeout, conf.attempts) == (5, 2.0, 3)
    assert conf.names("models") == [
        "models.default.svc.cluster.local",
        "models.svc.cluster.local",
        "models.cluster.local",
        "models",
    ]
    assert conf.names("models.default.svc.cluster.local.") == ["models.default.svc.cluster.local"]
    assert conf.names("a.b.c.d.e.f")[0] == "a.b.c.d.e.f"


def test_what_is_not_said_or_not_there(tmp_path: Path) -> None:
    for conf in (parse(""), load(str(tmp_path / "none"))):
        assert (conf.servers, conf.search, conf.ndots, conf.attempts) == ([LOOPBACK], [], 1, 2)
    (tmp_path / "conf").write_bytes(b"nameserver ::1\n\xff\nsearch .\n;nameserver 9.9.9.9\n")
    conf = load(str(tmp_path / "conf"))
    assert (conf.servers, conf.search, conf.names("a.b")) == (["::1"], [], ["a.b"])


@given(st.text(max_size=300), st.integers(0, 10**9), st.integers(0, 10**9))
def test_whatever_it_says_is_bounded(text: str, many: int, seconds: int) -> None:
    conf = parse(text + f"\nnameserver 10.0.0.1\noptions ndots:{many} attempts:{many} timeout:{seconds}")
    assert 1 <= len(conf.servers) <= MAX_SERVERS and len(conf.names("a")) <= 33
    assert 0 <= conf.ndots <= MAX_NDOTS and 1 <= conf.attempts <= MAX_ATTEMPTS and 1.0 <= conf.timeout <= 30.0
