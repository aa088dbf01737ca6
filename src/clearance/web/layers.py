"""Lays a lineage out in columns, upstream to the left; pure. The template draws what this returns as SVG."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from clearance.compliance.graph import Graph
from clearance.registry.model import Node

BOX = (216, 46)
GAP = (76, 20)
MARGIN = 16
_LONGEST_LABEL = 26
_SWEEPS = 4
_WIDEST_SHRUNK = 1450
"""A picture up to this width is shrunk to the page; a wider one, which could not be read then, is scrolled."""


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
    shrinks: bool
    """Whether it can still be read when it is made as narrow as the page."""
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def draw(graph: Graph) -> Drawing:
    """Return where everything stands: what goes into something stands left of it, ordered so that few lines cross."""
    nodes = {node.id: node for node in graph.nodes}
    layers = _layers(graph)
    columns = defaultdict(list)
    for id_ in nodes:
        columns[layers[id_]].append(id_)
    order = {id_: float(place) for column in columns.values() for place, id_ in enumerate(column)}
    near = defaultdict(list)
    for edge in graph.edges:
        near[edge.source].append(edge.target)
        near[edge.target].append(edge.source)
    for _ in range(_SWEEPS):  # each node moves to the middle of its neighbours (Sugiyama's barycentres)
        for layer in sorted(columns):
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
    width = 2 * MARGIN + (max(columns) - first) * (BOX[0] + GAP[0]) + BOX[0]
    return Drawing(
        width=width,
        height=2 * MARGIN + tallest * (BOX[1] + GAP[1]) - GAP[1],
        shrinks=width <= _WIDEST_SHRUNK,
        boxes=tuple(Box(node, *at[id_], short(node.label)) for id_, node in nodes.items()),
        lines=tuple(_line(at[edge.source], at[edge.target], edge.relation, _rows(at)) for edge in graph.edges),
    )


def _layers(graph: Graph) -> dict[str, int]:
    """Return the column of each node: one more than the last that goes into it; edges that close a cycle don't count."""
    targets = defaultdict(list)
    for edge in graph.edges:
        targets[edge.source].append(edge.target)
    order, back = _depth_first(sorted(graph.layers, key=graph.layers.__getitem__), targets)
    layers = dict.fromkeys(graph.layers, 0)
    for source in reversed(order):
        for target in targets[source]:
            if (source, target) not in back:
                layers[target] = max(layers[target], layers[source] + 1)
    fed = {edge.target for edge in graph.edges}
    for source in order:  # what nothing goes into stands next to what it goes into, not at the far left
        if source not in fed and targets[source]:
            layers[source] = min(layers[target] for target in targets[source]) - 1
    return layers


def _depth_first(roots: list[str], targets: Mapping[str, list[str]]) -> tuple[list[str], set[tuple[str, str]]]:
    """Return the nodes as they were left, and the edges that close a cycle."""
    order: list[str] = []
    back: set[tuple[str, str]] = set()
    entered: set[str] = set()
    left: set[str] = set()
    for root in roots:
        path = [(root, iter(targets[root]))] if root not in entered else []
        entered.add(root)
        while path:
            node, rest = path[-1]
            following = next((each for each in rest if not _seen(node, each, entered, left, back)), None)
            if following is None:
                path.pop()
                left.add(node)
                order.append(node)
            else:
                entered.add(following)
                path.append((following, iter(targets[following])))
    return order, back


def _seen(node: str, target: str, entered: set[str], left: set[str], back: set[tuple[str, str]]) -> bool:
    """Return whether a node was entered before; if it was not left since, the edge to it closes a cycle."""
    if target in entered and target not in left:
        back.add((node, target))
    return target in entered


def _rows(at: Mapping[str, tuple[int, int]]) -> dict[int, list[int]]:
    """Return the tops of the boxes of each column, by its left edge."""
    found = defaultdict(list)
    for x, y in at.values():
        found[x].append(y)
    return found


def _beside(rows: Mapping[int, list[int]], x: int, y: int) -> int:
    """Return the height nearest to `y` at which a word at `x` stands on no box, but between two, above or below them."""
    tops = next((tops for left, tops in rows.items() if left <= x <= left + BOX[0]), [])
    if not any(top - GAP[1] // 2 < y < top + BOX[1] + GAP[1] // 2 for top in tops):
        return y
    free = [top - GAP[1] // 2 for top in tops] + [max(tops) + BOX[1] + GAP[1] // 2]
    return min(free, key=lambda each: (abs(each - y), each))


def _line(source: tuple[int, int], target: tuple[int, int], relation: str, rows: Mapping[int, list[int]]) -> Line:
    """Return a curve from the right of one box to the left of another; between boxes of one column, around them.

    One that goes past a column goes between its boxes, so that it and its word can be seen.
    """
    (x1, y1), (x2, y2) = (source[0] + BOX[0], source[1] + BOX[1] // 2), (target[0], target[1] + BOX[1] // 2)
    if x2 > x1:
        bend, x, y = (x2 - x1) // 2, (x1 + x2) // 2, (y1 + y2) // 2
        past = _beside(rows, x, y)
        lift = (past - y) * 4 // 3  # at its middle a cubic curve goes three quarters of the way to its two handles
        path = f"M{x1} {y1} C{x1 + bend} {y1 + lift} {x2 - bend} {y2 + lift} {x2} {y2}"
        return Line(path, relation, x, past)
    bend = GAP[0] // 2
    return Line(
        f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}", relation, (x1 + x2) // 2, (y1 + y2) // 2 - 4
    )


def short(label: str) -> str:
    """Return a label that fits into a box: what is too long lacks its middle, for both ends tell things apart."""
    if len(label) <= _LONGEST_LABEL:
        return label
    front = (_LONGEST_LABEL - 1) // 2
    return f"{label[:front]}…{label[front + 1 - _LONGEST_LABEL :]}"
