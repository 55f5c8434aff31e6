"""The code in which HPACK writes strings (RFC 7541 §5.2 and appendix B), read by an automaton of bytes.

The code is canonical: its lengths say all. A state of the automaton is a place in the tree of codes; a byte leads from
one to another and completes at most two symbols, since no code is shorter than five bits. What a byte does at a place
is found out when it first comes: of 65,536 such steps traffic takes some thousands, and all are four megabytes.
"""

from __future__ import annotations

from typing import Final

_LENGTHS: Final = (
    # each run: how many symbols, the length of their codes
    "1:13 1:23 7:28 1:24 1:30 2:28 1:30 8:28 1:30 9:28 1:6 2:10 1:12 1:13 1:6 1:8 1:11 2:10 1:8 1:11 1:8 3:6 3:5 7:6 "
    "1:7 1:8 1:15 1:6 1:12 1:10 1:13 1:6 22:7 1:8 1:7 1:8 1:13 1:19 1:13 1:14 1:6 1:15 1:5 1:6 1:5 1:6 1:5 3:6 1:5 "
    "2:7 3:6 1:5 1:6 1:7 1:6 2:5 1:6 5:7 1:15 1:11 1:14 1:13 1:28 1:20 1:22 2:20 3:22 1:23 1:22 5:23 1:24 1:23 2:24 "
    "1:22 1:23 1:24 4:23 1:21 1:22 1:23 1:22 2:23 1:24 1:22 1:21 1:20 2:22 2:23 1:21 1:23 2:22 1:24 1:21 1:22 2:23 "
    "2:21 1:22 1:21 1:23 1:22 2:23 1:20 3:22 1:23 2:22 1:23 2:26 1:20 1:19 1:22 1:23 1:22 1:25 3:26 2:27 1:26 1:24 "
    "1:25 1:19 1:21 1:26 2:27 1:26 1:27 1:24 2:21 2:26 1:28 3:27 1:20 1:24 1:20 1:21 1:22 2:21 1:23 2:22 2:25 2:24 "
    "1:26 1:23 1:26 1:27 2:26 5:27 1:28 5:27 1:26 1:30"
)

_END: Final = 256
"""The symbol that no string may have in full; its beginning fills the last byte."""

_FAILED: Final = -1
_FULL: Final = -2 - _END


def _lengths() -> list[int]:
    lengths: list[int] = []
    for run in _LENGTHS.split():
        count, _, length = run.partition(":")
        lengths += [int(length)] * int(count)
    return lengths


def _tree() -> list[list[int]]:
    """Nodes, each with its two branches: the number of a node, or -2 less a symbol; -1: none yet."""
    nodes: list[list[int]] = [[_FAILED, _FAILED]]
    code = before = 0
    for length, symbol in sorted([(length, symbol) for symbol, length in enumerate(_lengths())]):
        code, before = code << (length - before), length
        node = 0
        for place in range(length - 1, 0, -1):
            bit = code >> place & 1
            if nodes[node][bit] == _FAILED:
                nodes.append([_FAILED, _FAILED])
                nodes[node][bit] = len(nodes) - 1
            node = nodes[node][bit]
        nodes[node][code & 1] = -2 - symbol
        code += 1
    return nodes


_NODES: Final = _tree()


class HuffmanPlace:
    """A place in the tree of codes at which a byte begins.

    - `ends`: a string may end there, since less than a byte of ones is left (RFC 7541 §5.2)
    - `steps`: those that were found out, by byte
    """

    __slots__ = ("_node", "ends", "steps")

    def __init__(self, node: int, ends: bool) -> None:
        self._node, self.ends = node, ends
        self.steps: list[HuffmanStep | None] = [None] * 256

    def step(self, byte: int) -> HuffmanStep:
        """Where a byte leads from here."""
        node, symbols = self._node, b""
        for place in range(7, -1, -1):
            if node >= 0:
                node = _NODES[node][byte >> place & 1]
            if node <= -2 and node != _FULL:
                symbols, node = symbols + bytes([-2 - node]), 0
        made = HuffmanStep(symbols, _place(node) if node >= 0 else NOWHERE)
        self.steps[byte] = made
        return made


class HuffmanStep:
    """What a byte means at a place: the symbols that it completes, at most two, and the place to which it leads."""

    __slots__ = ("place", "symbols")

    def __init__(self, symbols: bytes, place: HuffmanPlace) -> None:
        self.symbols, self.place = symbols, place


def _place(node: int) -> HuffmanPlace:
    place = _places.get(node)
    if place is None:
        place = _places[node] = HuffmanPlace(node, node in _ENDS)
    return place


def _ends() -> list[int]:
    """Nodes at which a string may end."""
    ends, node = [0], 0
    for _ in range(7):
        node = _NODES[node][1]
        ends.append(node)
    return ends


_ENDS: Final = _ends()

NOWHERE: Final = HuffmanPlace(_FAILED, False)
"""Where no code leads; nothing leads on from there."""

_places: Final[dict[int, HuffmanPlace]] = {}

START: Final = _place(0)


def decoded(data: bytes) -> bytes | None:
    """A string, None where it is none.

    >>> decoded(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff"))
    b'www.example.com'
    """
    place, symbols = START, []
    for byte in data:
        step = place.steps[byte]
        if step is None:
            step = place.step(byte)
        symbols.append(step.symbols)
        place = step.place
    return b"".join(symbols) if place.ends else None
