"""How answers are compared, in the words of a configuration (`analysis`); `stats.agreement` does it."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from proxy.contracts.tls import ClientTls

OutputComparer = Literal["", "labels", "numbers", "scores", "ranking", "vectors", "boxes", "text"]
"""How an output is compared. "": as fits what it is."""
COMPARERS: tuple[OutputComparer, ...] = get_args(OutputComparer)[1:]
"""Those that a configuration can name."""
TextComparer = Literal["auto", "exact", "words", "characters", "json"]
"""How texts are compared. `auto`: as JSON where both are, else by words, and by characters where a script has no
spaces."""
RowsOf = Literal["auto", "one"]
"""What a flat list of values is: `auto` a row for each value, `one` a single row."""


class OutputRule(Struct, frozen=True):
    """How one output is compared; what is not said is as the route says."""

    comparer: OutputComparer = ""
    tolerance: float | None = None
    """Part of the larger number, or cosine distance of vectors."""
    absolute_tolerance: float | None = None
    """Difference that is none."""
    unordered: bool = False
    """The order of rows, or of the values of the only row, says nothing."""


class Judge(Struct, frozen=True):
    """A model of the user's own that scores pairs of texts (`stats.agreement.questions` has its rules)."""

    url: str
    sample: float = 100.0
    """Percent of the requests whose texts it is asked about, where they differ."""
    budget: int = 60
    """Calls a minute, at most."""
    agree: float = 0.5
    """Score, from 0 to 1, from which on two texts say the same."""
    token: str = ""
    """What a call is authorised by, as a bearer token; "": nothing. `file:PATH`: what that file holds by then."""
    tls: ClientTls | None = None
    """TLS towards it; None: as the system says, where its URL is one of https. What its files hold is not here, so that
    a rotation is no other analysis: `contracts.tls_roles` has the whole section."""
