"""Use case of lineage: from data, over jobs, runs, versions and decisions, to what serves now, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from clearance.compliance import nodes, serving
from clearance.compliance.graph import DEEPEST, LETS, MOST_NODES, REFUSED, SERVES, Direction, Graph, Step, walk
from clearance.delivery.model import Serving
from clearance.errors import InvalidInput, NotFound
from clearance.evidence import predicates
from clearance.evidence import service as evidence
from clearance.policy import service as policy
from clearance.registry import service as registry
from clearance.registry import store as registered
from clearance.registry.flows import service as flows
from clearance.registry.flows import store
from clearance.registry.flows.model import Run, Use, split_version
from clearance.registry.model import Edge, Node, Version
from clearance.registry.rules import is_model_name, parse_version_name
from clearance.storage.database import Transaction

_VERSION = re.compile(r"(?:model/)?(.+)/([1-9][0-9]{0,8})")
_DIGEST = re.compile(r"(?:dataset/)?(sha256:[0-9a-f]{64})")
_RUN = re.compile(r"(?:run/)?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
_DECISION = re.compile(r"(?:decision/)?(dec_[0-9a-z]{26})")
_DECISIONS_READ = 200


def trace(
    tx: Transaction,
    of: str,
    direction: Direction = Direction.BOTH,
    *,
    depth: int = 20,
    most: int = 300,
) -> Graph:
    """Return what is upstream or downstream of a thing.

    Args:
        of: `car-loan/1`, by the model's name or title, a decision's id, `sha256:…` of a registered dataset, a run's id,
            `job/NAMESPACE/NAME`, or `NAMESPACE/NAME` or `NAMESPACE/NAME@VERSION` of a dataset that pipelines told of.
        direction: which way.
        depth: most steps, 1 to 50.
        most: most things to show, 1 to 2,000.

    Raises:
        NotFound: there is no such thing.
        VerificationFailed: evidence that a decision stood on was changed.
        InvalidInput: a depth or size out of bounds, or a name that two datasets have.
    """
    if not 1 <= depth <= DEEPEST or not 1 <= most <= MOST_NODES:
        raise InvalidInput(
            f"a depth of {depth} and {most} things",
            code="bad_limit",
            hint=f"a depth of 1 to {DEEPEST}, and 1 to {MOST_NODES} things",
        )
    reader = _Reader(tx, most)
    return walk(
        reader.find(of.strip()),
        up=None if direction is Direction.DOWNSTREAM else reader.upstream,
        down=None if direction is Direction.UPSTREAM else reader.downstream,
        depth=depth,
        most=most,
    )


class _Reader:
    """Reads what lies one step further; at most so many of a kind at each step."""

    def __init__(self, tx: Transaction, most: int) -> None:
        self._tx = tx
        self._most = most + 1  # one more than is shown, so that the walk says that it was cut
        self._measured_on: dict[str, Mapping[str, str]] = {}
        """Statement → the datasets it was measured on, by role; of the decisions met so far."""

    def find(self, of: str) -> Node:
        """Return the node that somebody asks about."""
        if called := self._called_version(of):
            return nodes.of_version(called)
        if found := _DECISION.fullmatch(of):
            return nodes.of_decision(policy.get_decision(self._tx, found[1]))
        if found := _DIGEST.fullmatch(of):
            return self._data(found[1])
        if found := _RUN.fullmatch(of):
            return nodes.of_run(flows.get_run(self._tx, found[1]))
        if of.startswith("job/"):
            return nodes.of_job(flows.find_job(self._tx, of.removeprefix("job/")))
        dataset, version = flows.find_dataset(self._tx, of.removeprefix("dataset/"))
        return nodes.of_named(dataset, version)

    def _called_version(self, of: str) -> Version | None:
        """Return the version that a text names, None where it names something else.

        Raises:
            NotFound: it looks like a version's name, and neither that nor a dataset is called so.
        """
        if (found := _VERSION.fullmatch(of)) is None:
            return None
        model = registry.identity(self._tx, found[1])
        try:
            return registry.get_version(self._tx, model, int(found[2]))
        except NotFound:
            if is_model_name(model) and not store.datasets_called(self._tx, of):
                raise
            return None

    def upstream(self, node: str) -> Iterator[Step]:
        """Yield what went into a node."""
        kind, _, rest = node.partition("/")
        found = {
            "serving": self._above_serving,
            "decision": self._above_decision,
            "evidence": self._above_evidence,
            "model": self._above_version,
            "dataset": self._above_data,
            "named": self._above_named,
            "run": self._above_run,
            "job": self._above_job,
        }.get(kind)
        return found(node, rest) if found else iter(())

    def downstream(self, node: str) -> Iterator[Step]:
        """Yield what became of a node."""
        kind, _, rest = node.partition("/")
        found = {
            "decision": self._below_decision,
            "model": self._below_version,
            "dataset": self._below_data,
            "named": self._below_named,
            "run": self._below_run,
            "job": self._below_job,
        }.get(kind)
        return found(node, rest) if found else iter(())

    # What went into it.

    def _above_serving(self, node: str, rest: str) -> Iterator[Step]:
        environment, _, model = rest.partition("/")
        for pointer in serving.of_model(self._tx, model):
            if pointer.environment == environment:
                for number in filter(None, (pointer.stable, pointer.candidate)):
                    yield _step(self._version(model, number), node, _as(pointer, number), to_node=True)
                yield _step(
                    nodes.of_decision(policy.get_decision(self._tx, pointer.decision_id)), node, LETS, to_node=True
                )

    def _above_decision(self, node: str, rest: str) -> Iterator[Step]:
        decision = policy.get_decision(self._tx, rest)
        yield _step(self._version(decision.model, decision.number), node, "decided on", to_node=True)
        pack = {"version": decision.pack_version, "digest": decision.pack_digest}
        yield _step(
            nodes.node(f"pack/{decision.pack_digest}", "policy", decision.pack, pack), node, "rules", to_node=True
        )
        claims = evidence.statements(self._tx, decision.model, decision.number, predicates.CHECK, revoked=True)
        self._measured_on |= {each.digest: _measured_on(each.predicate) for each in claims}
        for name, check in decision.facts.checks.items():
            facts = {"verdict": check.verdict.value, "signer": check.signer, "statement": check.statement}
            yield _step(
                nodes.node(f"evidence/{check.statement}", "evidence", name, facts), node, "evidence", to_node=True
            )
        for vote in decision.facts.votes:
            ballot = {"at": vote.at, "comment": vote.comment, "approve": vote.approve}
            said = nodes.node(f"vote/{rest}/{vote.voter}", "approval", vote.voter, ballot)
            yield _step(said, node, "approved" if vote.approve else "rejected", to_node=True)
        for waiver in decision.facts.waivers:
            if waiver.id in decision.waivers:
                exception = {"rule": waiver.rule, "reason": waiver.reason, "granted_by": waiver.granted_by}
                yield _step(
                    nodes.node(f"waiver/{waiver.id}", "waiver", waiver.rule, exception), node, "waived", to_node=True
                )

    def _above_evidence(self, node: str, statement: str) -> Iterator[Step]:
        for role, digest in self._measured_on.get(statement, {}).items():
            yield _step(self._data(digest), node, f"measured on, as {role}", to_node=True)

    def _above_version(self, node: str, rest: str) -> Iterator[Step]:
        version = registry.get_version(self._tx, *parse_version_name(rest))
        story = version.provenance
        for use in story.datasets:
            yield _step(self._data(use.digest, use.name), node, use.role.value, to_node=True)
            for named in self._called(use.name):
                yield _step(named, node, use.role.value, to_node=True)
        if code := story.code:
            facts = {"repository": code.repository, "commit": code.commit, "dirty": code.dirty}
            label = f"{code.repository.rpartition('/')[2]}@{code.commit[:12]}{' (dirty)' if code.dirty else ''}"
            found = nodes.node(f"code/{code.repository}@{code.commit}", "code", label, facts)
            yield _step(found, node, "code", to_node=True)
        for parent in story.parents:
            yield _step(self._version(*parse_version_name(parent)), node, "parent", to_node=True)
        for run in runs_of(self._tx, version):
            yield _step(nodes.of_run(run), node, "made", to_node=True)

    def _above_data(self, node: str, digest: str) -> Iterator[Step]:
        for link in store.select_links(self._tx, target=digest):
            found = store.find_datasets(self._tx, [link.thing])
            for dataset in found.values():
                yield _step(
                    nodes.of_named(dataset, link.version), node, "is" if link.said_by else "says it is", to_node=True
                )

    def _above_named(self, node: str, rest: str) -> Iterator[Step]:
        key, _, version = rest.partition("@")
        if version:
            for use in self._uses(dataset=key, output=True):
                if use.version == version:
                    yield _step(self._actor(use), node, "wrote", to_node=True)
        else:
            for use in self._jobs(self._uses(dataset=key, output=True)):
                yield _step(self._job(use.job), node, "writes", to_node=True)

    def _above_run(self, node: str, run: str) -> Iterator[Step]:
        found = flows.get_run(self._tx, run)
        for use in self._uses(run=run, output=False):
            yield _step(self._named(use.dataset, use.version), node, "read", to_node=True)
        if code := nodes.of_code(store.find_jobs(self._tx, [found.job.key])[found.job.key]):
            yield _step(code, node, "code", to_node=True)
        if found.parent and (parent := store.find_run(self._tx, found.parent)):
            yield _step(nodes.of_run(parent), node, "started", to_node=True)

    def _above_job(self, node: str, key: str) -> Iterator[Step]:
        for use in _by_dataset(self._uses(job=key, output=False)):
            yield _step(self._named(use.dataset), node, "reads", to_node=True)
        if code := nodes.of_code(store.find_jobs(self._tx, [key])[key]):
            yield _step(code, node, "code", to_node=True)

    # What became of it.

    def _below_decision(self, node: str, rest: str) -> Iterator[Step]:
        decision = policy.get_decision(self._tx, rest)
        for pointer in serving.of_model(self._tx, decision.model):
            if pointer.decision_id == decision.id:
                yield _step(nodes.of_serving(pointer), node, _as(pointer, decision.number, LETS), to_node=False)

    def _below_version(self, node: str, rest: str) -> Iterator[Step]:
        model, number = parse_version_name(rest)
        for child in registered.children(self._tx, rest):
            yield _step(self._version(*child), node, "parent", to_node=False)
        told: set[str] = set()
        for decision in policy.list_decisions(self._tx, model=model, number=number, limit=_DECISIONS_READ).items:
            if decision.environment not in told:  # the newest of each environment
                told.add(decision.environment)
                yield _step(nodes.of_decision(decision), node, "decided on", to_node=False)
        for pointer in serving.of_model(self._tx, model):
            if number in {pointer.stable, pointer.candidate}:
                yield _step(nodes.of_serving(pointer), node, _as(pointer, number), to_node=False)

    def _below_data(self, node: str, digest: str) -> Iterator[Step]:
        for name in store.versions_naming(self._tx, [digest]):
            version = registry.get_version(self._tx, *name)
            for use in version.provenance.datasets:
                if use.digest == digest:
                    yield _step(nodes.of_version(version), node, use.role.value, to_node=False)

    def _below_named(self, node: str, rest: str) -> Iterator[Step]:
        key, _, version = rest.partition("@")
        dataset = store.find_datasets(self._tx, [key])[key]
        for link in store.select_links(self._tx, thing=key):
            if not version or link.version in {"", version}:
                relation = "is" if link.said_by else "says it is"
                yield _step(self._data(link.target), node, relation, to_node=False)
        for name in store.versions_naming(self._tx, [dataset.named.text]):
            found = registry.get_version(self._tx, *name)
            for use in found.provenance.datasets:
                if _says(use.name, dataset.named.text, version):
                    yield _step(nodes.of_version(found), node, use.role.value, to_node=False)
        reads = self._uses(dataset=key, output=False)
        if not version:
            for read in self._jobs(reads):
                yield _step(self._job(read.job), node, "reads", to_node=False)
            return
        for read in reads:
            if read.version in {"", version}:
                yield _step(self._actor(read), node, "read" if read.version else "may have read", to_node=False)

    def _below_run(self, node: str, run: str) -> Iterator[Step]:
        for use in self._uses(run=run, output=True):
            yield _step(self._named(use.dataset, use.version), node, "wrote", to_node=False)
        for link in store.select_links(self._tx, thing=run):
            if made := self._known_version(link.target):
                yield _step(made, node, "made", to_node=False)
        for name in store.versions_naming(self._tx, [run]):
            version = registry.get_version(self._tx, *name)
            if run in _runs_said(version):
                yield _step(nodes.of_version(version), node, "made", to_node=False)
        for child in store.children_of(self._tx, run, self._most):
            yield _step(nodes.of_run(flows.get_run(self._tx, child)), node, "started", to_node=False)

    def _below_job(self, node: str, key: str) -> Iterator[Step]:
        for use in _by_dataset(self._uses(job=key, output=True)):
            yield _step(self._named(use.dataset), node, "writes", to_node=False)
        for name in store.made_by(self._tx, key):
            if made := self._known_version(name):
                yield _step(made, node, "made", to_node=False)

    # Nodes by what they are called.

    def _uses(self, **wanted: Any) -> list[Use]:
        return store.select_uses(self._tx, **wanted)

    def _jobs(self, uses: list[Use]) -> list[Use]:
        return list({use.job: use for use in uses}.values())

    def _actor(self, use: Use) -> Node:
        return nodes.of_run(flows.get_run(self._tx, use.run)) if use.run else self._job(use.job)

    def _job(self, key: str) -> Node:
        return nodes.of_job(store.find_jobs(self._tx, [key])[key])

    def _named(self, key: str, version: str = "") -> Node:
        return nodes.of_named(store.find_datasets(self._tx, [key])[key], version)

    def _called(self, text: str) -> list[Node]:
        """Return the named datasets that a version's provenance calls its data; mostly none or one."""
        name, version = split_version(text)
        found = [nodes.of_named(each, "") for each in store.datasets_called(self._tx, text)] if text else []
        return found or [nodes.of_named(each, version) for each in store.datasets_called(self._tx, name) if text]

    def _data(self, digest: str, name: str = "") -> Node:
        try:
            return nodes.of_data(digest, registry.get_dataset(self._tx, digest))
        except NotFound:
            return nodes.of_data(digest, None, name)

    def _version(self, model: str, number: int) -> Node:
        return nodes.of_version(registry.get_version(self._tx, model, number))

    def _known_version(self, name: str) -> Node | None:
        try:
            return self._version(*parse_version_name(name))
        except (NotFound, InvalidInput):  # an event said so before anybody registered it, or without ground
            return None


def _as(pointer: Serving, number: int, word: str = SERVES) -> str:
    """Return how a version stands to a pointer that names it: `word` where it serves."""
    return word if number in pointer.serves else REFUSED


def runs_of(tx: Transaction, version: Version) -> tuple[Run, ...]:
    """Return the runs that made a version: by its own word (`openlineage_run_id` among its parameters), a link or an event."""
    ids = dict.fromkeys(_runs_said(version))
    ids |= dict.fromkeys(link.thing for link in store.select_links(tx, target=version.name))
    found = [store.find_run(tx, run) for run in ids]
    return tuple(run for run in found if run is not None)


def _runs_said(version: Version) -> tuple[str, ...]:
    said = (version.provenance.parameters.get("openlineage_run_id"), version.provenance.trainer)
    return tuple(found[1].lower() for each in said if isinstance(each, str) and (found := _RUN.fullmatch(each)))


def _says(name: str, text: str, version: str) -> bool:
    """Return whether a provenance's `namespace/name[@version]` names a dataset, at that version if one is asked for."""
    if name == text:
        return True
    said, at = split_version(name)
    return said == text and version in {"", at}


def _by_dataset(uses: list[Use]) -> list[Use]:
    return list({use.dataset: use for use in uses}.values())


def _step(other: Node, node: str, relation: str, *, to_node: bool) -> Step:
    source, target = (other.id, node) if to_node else (node, other.id)
    return other, Edge(source=source, target=target, relation=relation)


def _measured_on(predicate: Mapping[str, Any]) -> dict[str, str]:
    """Return the datasets that a check says it was measured on, by role; others than ourselves may write this as they like."""
    inputs = predicate["inputs"]
    found = inputs.get("datasets") if isinstance(inputs, Mapping) else None
    named = found.items() if isinstance(found, Mapping) else ()
    return {role: digest for role, digest in named if isinstance(digest, str) and _DIGEST.fullmatch(digest)}
