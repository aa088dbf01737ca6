"""The graph of what a version was made from and what was made from it; pure, over two functions that read."""

from __future__ import annotations

from collections.abc import Callable

from clearance.registry.model import Dataset, Edge, Lineage, Node, Version

Name = tuple[str, int]


def trace(
    root: Version,
    *,
    version: Callable[[Name], Version],
    children: Callable[[Name], tuple[Name, ...]],
    dataset: Callable[[str], Dataset | None],
    parse: Callable[[str], Name],
) -> Lineage:
    """Return everything upstream of a version (parents, their data and code) and the versions downstream of it.

    Args:
        root: where to begin.
        version: reads a version.
        children: reads which versions name this one as a parent.
        dataset: reads a registered dataset, None if it is not registered.
        parse: turns `model/number` into a name.
    """
    graph = _Graph()
    todo, done = [root], set[str]()
    while todo:
        found = todo.pop()
        if found.name not in done:
            done.add(found.name)
            graph.add_version(found, dataset)
            todo += [version(parse(parent)) for parent in found.provenance.parents]
    todo, done = [root], set()
    while todo:
        found = todo.pop()
        if found.name in done:
            continue
        done.add(found.name)
        for name in children((found.model, found.number)):
            child = version(name)
            graph.nodes.setdefault(_version_id(child.name), _version_node(child))
            graph.edge(_version_id(found.name), _version_id(child.name), "parent")
            todo.append(child)
    return Lineage(root=_version_id(root.name), nodes=tuple(graph.nodes.values()), edges=tuple(graph.edges))


class _Graph:
    """Nodes by id and edges in the order they were found, each once."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: dict[Edge, None] = {}

    def edge(self, source: str, target: str, relation: str) -> None:
        self.edges[Edge(source=source, target=target, relation=relation)] = None

    def add_version(self, version: Version, dataset: Callable[[str], Dataset | None]) -> None:
        """Add a version with its data, code and the edges from its parents."""
        own = _version_id(version.name)
        self.nodes.setdefault(own, _version_node(version))
        for use in version.provenance.datasets:
            node = _dataset_node(use.digest, use.name, dataset(use.digest))
            self.nodes.setdefault(node.id, node)
            self.edge(node.id, own, use.role.value)
        if code := version.provenance.code:
            id_ = f"code/{code.repository}@{code.commit}"
            facts = {"repository": code.repository, "commit": code.commit, "dirty": code.dirty}
            label = f"{code.repository}@{code.commit[:12]}{' (dirty)' if code.dirty else ''}"
            self.nodes.setdefault(id_, Node(id=id_, kind="code", label=label, facts=facts))
            self.edge(id_, own, "code")
        for parent in version.provenance.parents:
            self.edge(_version_id(parent), own, "parent")


def _version_id(name: str) -> str:
    return f"model/{name}"


def _version_node(version: Version) -> Node:
    facts = {"digest": version.digest, "status": version.status.value, "created_at": version.created_at}
    return Node(id=_version_id(version.name), kind="version", label=version.name, facts=facts)


def _dataset_node(digest: str, name: str, found: Dataset | None) -> Node:
    facts = (
        {"registered": False}
        if found is None
        else {
            "registered": True,
            "rows": found.rows,
            "columns": len(found.columns),
            "first_at": found.first_at,
            "last_at": found.last_at,
        }
    )
    return Node(
        id=f"dataset/{digest}", kind="dataset", label=(found.name if found else name) or digest[:19], facts=facts
    )
