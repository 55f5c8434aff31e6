"""Prices of tokens, and what an answer costs by them.

A cost is told only where it is known: every token that the price asks for has to be counted by the server.
"""

from __future__ import annotations

from msgspec import Struct

from proxy.contracts.observation import Usage


class Price(Struct, frozen=True):
    """The price of a version's tokens."""

    input: float
    """Of `per` tokens of prompts, in `currency`."""
    output: float
    """Of `per` tokens of answers, reasoning among them."""
    cached_input: float | None = None
    """Of `per` tokens of prompts that a cache had; None: as any other."""
    per: float = 1e6
    """Tokens that the prices are for."""
    currency: str = "USD"
    """What a cost is counted in: a code of ISO 4217, or a word of one's own."""

    def cost(self, usage: Usage, *, silent: bool = False) -> float | None:
        """What an answer cost, in `currency`; None: its server does not tell all that this takes.

        - `silent`: the answer has no words (vectors, ranks), so that no tokens of output are none

        >>> Price(input=2.0, output=8.0, cached_input=0.5).cost(Usage(input=1000, output=100, cached=400))
        0.0022
        """
        output = 0 if usage.output is None and silent else usage.output
        if usage.input is None or output is None:
            return None
        cached = usage.cached or 0
        of_cached = self.input if self.cached_input is None else self.cached_input
        return ((usage.input - cached) * self.input + cached * of_cached + output * self.output) / self.per
