"""The import graph of the house in numbers: modules, rooms, arrows, floors and circles.

`python -m tests.support.import_graph [FOLDER]` prints it for a checkout: the figures of a change of layout. Imports for
type checkers count like others, since a reader follows them like others.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

Graph = dict[str, set[str]]
"""A node to the nodes that it imports."""


def modules(house: Path) -> dict[str, Path]:
    """Dotted names below `proxy` (a package has the name of its folder) to files."""
    found = {}
    for path in sorted(house.rglob("*.py")):
        parts = path.relative_to(house).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def module_graph(house: Path) -> Graph:
    """Module to the modules of the house that it imports, lazily and for types included."""
    known = modules(house)
    return {name: set(_targets(path, known)) - {name} for name, path in known.items() if name}


def _targets(path: Path, known: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            if top != "proxy":
                continue
            while rest and rest not in known:
                rest = rest.rpartition(".")[0]
            if rest:
                yield rest


def folded(graph: Graph, depth: int) -> Graph:
    """The same by room (depth 1), or by room within a room (depth 2)."""
    rooms: Graph = {}
    for name, targets in graph.items():
        room = room_of(name, depth)
        rooms.setdefault(room, set()).update(r for t in targets if (r := room_of(t, depth)) != room)
    return rooms


def room_of(name: str, depth: int) -> str:
    """The first `depth` parts of a module's name."""
    return ".".join(name.split(".")[:depth])


def within(graph: Graph, room: str) -> Graph:
    """The part of a graph inside one room."""
    mine = {name for name in graph if name.startswith(room + ".")}
    return {name: graph[name] & mine for name in mine}


def circles(graph: Graph) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan 1972), each sorted."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in graph[node]:
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            cut = stack.index(node)
            if len(stack) - cut > 1:
                found.append(sorted(stack[cut:]))
            del stack[cut:]

    for node in graph:
        if node not in order:
            visit(node)
    return sorted(found)


def floors(graph: Graph) -> int:
    """The length of the longest chain of imports; circles are folded into one node."""
    group = {node: node for node in graph}
    for circle in circles(graph):
        group.update(dict.fromkeys(circle, circle[0]))
    flat: Graph = {}
    for node, targets in graph.items():
        flat.setdefault(group[node], set()).update(group[t] for t in targets if group[t] != group[node])
    height: dict[str, int] = {}
    for node in TopologicalSorter(flat).static_order():
        height[node] = 1 + max((height[t] for t in flat[node]), default=0)
    return max(height.values(), default=0)


def figures(graph: Graph) -> str:
    """One line of figures."""
    arrows = sum(map(len, graph.values()))
    rings = circles(graph)
    inside = sum(map(len, rings))
    return f"{len(graph):4} nodes {arrows:5} arrows {floors(graph):3} floors {len(rings):3} circles of {inside} nodes"


def main() -> None:
    """Prints the figures."""
    house = (Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]) / "proxy"
    graph = module_graph(house)
    rooms = folded(graph, 1)
    print(f"rooms          {figures(rooms)}")
    print(f"modules        {figures(graph)}")
    for room in ("stats", "control", "dataplane"):
        inner = within(graph, room)
        flat = sum(name.count(".") == 1 for name in inner)
        print(f"{room:14} {figures(inner)}, {flat} directly in the room")
        for circle in circles(inner):
            print(f"{'':15}circle: {' '.join(circle)}")


if __name__ == "__main__":
    main()
