"""Lays a lineage out in columns, upstream to the left; pure. The template draws what this returns as SVG."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from clearance.compliance.graph import Graph
from clearance.registry.model import Node

BOX = (190, 46)
GAP = (70, 16)
MARGIN = 12
_LONGEST_LABEL = 25
_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Box:
    """A node with the place of its upper left corner."""

    node: Node
    x: int
    y: int
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """An edge as the `d` of an SVG path, and where its word stands."""

    path: str
    relation: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of a graph, in pixels."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def draw(graph: Graph) -> Drawing:
    """Return where everything stands: a column for each step from the root, ordered so that few lines cross."""
    nodes = {node.id: node for node in graph.nodes}
    columns = defaultdict(list)
    for id_ in nodes:
        columns[graph.layers[id_]].append(id_)
    order = {id_: float(place) for column in columns.values() for place, id_ in enumerate(column)}
    near = defaultdict(list)
    for edge in graph.edges:
        near[edge.source].append(edge.target)
        near[edge.target].append(edge.source)
    for _ in range(_SWEEPS):  # each node moves to the middle of its neighbours (Sugiyama's barycentres)
        for layer in sorted(columns, key=abs):
            column = columns[layer]
            column.sort(key=lambda id_: (sum(order[each] for each in near[id_]) / max(1, len(near[id_])), id_))
            for place, id_ in enumerate(column):
                order[id_] = place + (1 - len(column)) / 2
    tallest = max(map(len, columns.values()))
    first = min(columns)
    at = {}
    for layer, column in columns.items():
        top = MARGIN + (tallest - len(column)) * (BOX[1] + GAP[1]) // 2
        for place, id_ in enumerate(column):
            at[id_] = (MARGIN + (layer - first) * (BOX[0] + GAP[0]), top + place * (BOX[1] + GAP[1]))
    return Drawing(
        width=2 * MARGIN + (max(columns) - first) * (BOX[0] + GAP[0]) + BOX[0],
        height=2 * MARGIN + tallest * (BOX[1] + GAP[1]) - GAP[1],
        boxes=tuple(Box(node, *at[id_], _short(node.label)) for id_, node in nodes.items()),
        lines=tuple(_line(at[edge.source], at[edge.target], edge.relation) for edge in graph.edges),
    )


def _line(source: tuple[int, int], target: tuple[int, int], relation: str) -> Line:
    """Return a curve from the right of one box to the left of another; between boxes of one column, around them."""
    (x1, y1), (x2, y2) = (source[0] + BOX[0], source[1] + BOX[1] // 2), (target[0], target[1] + BOX[1] // 2)
    if x2 > x1:
        bend = (x2 - x1) // 2
        return Line(
            f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}", relation, (x1 + x2) // 2, (y1 + y2) // 2
        )
    bend = GAP[0] // 2
    return Line(
        f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}", relation, (x1 + x2) // 2, (y1 + y2) // 2 - 4
    )


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else "…" + label[1 - _LONGEST_LABEL :]
