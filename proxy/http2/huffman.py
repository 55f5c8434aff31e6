"""The code in which HPACK writes strings (RFC 7541 §5.2 and appendix B), read by an automaton of half bytes.

The code is canonical: its lengths say all. A state of the automaton is a place in the tree of codes; a half byte leads
from one to another and completes at most one symbol, since no code is shorter than five bits.
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

_SYMBOL_SHIFT: Final = 9
_FAILED: Final = -1


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


def _step(nodes: list[list[int]], state: int, half: int) -> int:
    """Where four bits lead: the next state, and the symbol plus one that they complete, shifted; -1: nowhere."""
    symbol = 0
    for place in (3, 2, 1, 0):
        state = nodes[state][half >> place & 1]
        if state == -2 - _END:
            return _FAILED
        if state <= -2:
            symbol, state = -1 - state, 0
    return symbol << _SYMBOL_SHIFT | state


def _ends(nodes: list[list[int]]) -> frozenset[int]:
    """States in which a string may end: less than a byte of ones is left."""
    ends, state = [0], 0
    for _ in range(7):
        state = nodes[state][1]
        ends.append(state)
    return frozenset(ends)


_NODES: Final = _tree()
_STEPS: Final[list[int]] = [_step(_NODES, state, half) for state in range(len(_NODES)) for half in range(16)]
_ENDS: Final = _ends(_NODES)


def decoded(data: bytes) -> bytes | None:
    """A string, None where it is none.

    >>> decoded(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff"))
    b'www.example.com'
    """
    steps = _STEPS
    state, symbols = 0, []
    for byte in data:
        step = steps[state << 4 | byte >> 4]
        if step < 0:
            return None
        if step >> _SYMBOL_SHIFT:
            symbols.append((step >> _SYMBOL_SHIFT) - 1)
        step = steps[(step & 511) << 4 | byte & 15]
        if step < 0:
            return None
        if step >> _SYMBOL_SHIFT:
            symbols.append((step >> _SYMBOL_SHIFT) - 1)
        state = step & 511
    return bytes(symbols) if state in _ENDS else None
