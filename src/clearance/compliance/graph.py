"""The one graph from data to what serves: its values, and a walk through it that cycles and size can't break; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum

from clearance.registry.model import Edge, Node
from clearance.values import value

MOST_NODES = 2000
DEEPEST = 50
SERVES, LETS, REFUSED = "serves", "lets", "asked for, refused"
"""How a version, or the decision on it, stands to a pointer that names it."""


class Direction(StrEnum):
    """Which way to look."""

    UPSTREAM = "upstream"
    """What went into it."""
    DOWNSTREAM = "downstream"
    """What became of it."""
    BOTH = "both"


@value
class Graph:
    """What is upstream or downstream of one thing.

    Node ids: `named/KEY[@VERSION]` (a dataset by name), `dataset/DIGEST` (registered), `job/KEY`, `run/ID`, `code/…`,
    `model/NAME/NUMBER`, `evidence/DIGEST`, `pack/DIGEST`, `decision/ID`, `serving/ENVIRONMENT/MODEL`. `facts["of"]` is what to
    write to ask about a node.

    Attributes:
        layers: node id → steps from the root, negative upstream.
        cut: why there may be more than is shown; empty when this is all.
    """

    root: str
    direction: Direction
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    layers: dict[str, int]
    cut: str

    def reached(self, *relations: str) -> tuple[Node, ...]:
        """Return the things that an edge of some relations leads to."""
        found = {edge.target for edge in self.edges if edge.relation in relations}
        return tuple(node for node in self.nodes if node.id in found)


Step = tuple[Node, Edge]
Neighbours = Callable[[str], Iterable[Step]]
"""Reads what lies one step further in a direction, with the edge that leads there."""


def walk(root: Node, *, up: Neighbours | None, down: Neighbours | None, depth: int, most: int) -> Graph:
    """Return what can be reached from a node, nearest first; each node is looked at once, so that cycles end.

    Args:
        root: where to begin.
        up, down: what lies upstream and downstream of a node; None: don't look there.
        depth: most steps in each direction.
        most: most nodes.
    """
    nodes, edges, layers = {root.id: root}, dict[Edge, None](), {root.id: 0}
    cut: list[str] = []
    for sign, neighbours in ((-1, up), (1, down)):
        if neighbours is None:
            continue
        todo, looked = deque([root.id]), {root.id}
        steps = {root.id: 0}
        while todo:
            at = todo.popleft()
            for node, edge in neighbours(at):
                if node.id not in nodes and len(nodes) >= most:
                    cut.append(f"only the nearest {most} things are shown")
                    continue
                if node.id not in steps and steps[at] == depth:
                    cut.append(f"nothing beyond {depth} steps is shown")
                    continue
                nodes.setdefault(node.id, node)
                edges[edge] = None
                steps.setdefault(node.id, steps[at] + 1)
                layers.setdefault(node.id, sign * steps[node.id])
                if node.id not in looked:
                    looked.add(node.id)
                    todo.append(node.id)
    direction = Direction.BOTH if up and down else Direction.UPSTREAM if up else Direction.DOWNSTREAM
    return Graph(
        root=root.id,
        direction=direction,
        nodes=tuple(nodes.values()),
        edges=tuple(edges),
        layers=layers,
        cut="; ".join(dict.fromkeys(cut)),
    )
