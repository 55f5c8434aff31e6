"""The section `versions.NAME.balance`: how the endpoints of a version share its requests."""

from __future__ import annotations

from proxy.config import values
from proxy.config.model_url import is_numeric
from proxy.config.section import Section
from proxy.config.values import Parser
from proxy.contracts.table import Balance

_BALANCE: dict[str, Parser] = {
    "failures": values.Whole(0, 1_000_000),
    "ejection": values.duration,
    "max_ejected": values.Number(0, 100, above=True),
    "slow_start": values.duration_or_none,
}


def read_balance(version: Section, host: str) -> Balance:
    """What a version at `host` says of its endpoints; an address is one endpoint, where there is nothing to say."""
    section = version.section("balance")
    given = section.fields(_BALANCE)
    section.finish()
    if given and is_numeric(host):
        version.refuse("balance", f"a balance beside the address {host}", "a name in `url`, which may have several")
    return Balance(**given)
