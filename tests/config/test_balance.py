"""`versions.NAME.balance`."""

from __future__ import annotations

import pytest

from proxy.config.load import parse
from proxy.contracts.settings import ConfigError
from proxy.contracts.table import Balance

FILE = """
listen: 127.0.0.1:8080
versions: {{a: {{url: "http://{host}:80", balance: {balance}}}}}
routes: {{r: {{match: {{path: /}}, protocol: json, primary: a}}}}
"""


def balance(text: str, host: str = "models.svc") -> Balance:
    return parse(FILE.format(host=host, balance=text), {}).versions["a"].balance


def test_what_is_not_said_is_as_documented() -> None:
    assert balance("{}") == Balance(5, 30.0, 50.0, 10.0)
    assert balance("{failures: 0, ejection: 10s, max_ejected: 20, slow_start: 0}") == Balance(0, 10.0, 20.0, 0.0)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{failures: -1}", "versions.a.balance.failures"),
        ("{max_ejected: 0}", "versions.a.balance.max_ejected"),
        ("{max_ejected: 101}", "versions.a.balance.max_ejected"),
        ("{ejection: 0s}", "versions.a.balance.ejection"),
        ("{slow_start: 0s}", "versions.a.balance.slow_start"),
        ("{slow: 1s}", "versions.a.balance.slow"),
    ],
)
def test_a_mistake_names_its_path(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as error:
        balance(text)
    assert [problem.path for problem in error.value.problems] == [path]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_balance_of_one_address_is_without_effect_and_so_a_mistake(host: str) -> None:
    assert balance("{}", host) == Balance()
    with pytest.raises(ConfigError, match=r"versions\.a\.balance"):
        balance("{failures: 3}", host)
