"""The use cases of checks: plan a suite, run it outside of any transaction, store what it found as signed statements."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance import __version__
from clearance.access.model import Principal
from clearance.checks.model import CheckResult, NewRun, StoredResult, SuiteRun, SuiteText
from clearance.errors import InvalidInput, NotFound
from clearance.evidence import predicates
from clearance.evidence import service as evidence
from clearance.evidence.keyring import Keyring
from clearance.evidence.model import StoredStatement
from clearance.evidence.statement import about
from clearance.registry import service as registry
from clearance.registry import templates
from clearance.registry.model import Dataset, File, Version
from clearance.statistics.verdicts import Verdict
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction
from clearance.values import parse, plain, timestamp, value

_FIELDS = ("check", "verdict", "reason", "figures")

if TYPE_CHECKING:
    from clearance.checks.parameters import Parameters, Suite
    from clearance.checks.suites import SuiteDocument


@value
class Plan:
    """A suite that is to run over a version and its datasets; `suite` has only the checks of the document that run."""

    version: Version
    document: SuiteDocument
    suite: Suite
    datasets: Mapping[str, Dataset]


def list_suites() -> tuple[SuiteText, ...]:
    """Return the suites that come with Clearance, by name."""
    from clearance.checks import suites

    return tuple(document.text() for document in suites.builtins().values())


def get_suite(name: str) -> SuiteText:
    """Return one suite that comes with Clearance.

    Raises:
        NotFound: there is none of that name.
    """
    from clearance.checks import suites

    return suites.builtin(name).text()


def plan_suite(tx: Transaction, model: str, number: int, new: NewRun) -> Plan:
    """Find everything that a run needs; a role not given is taken from the version's provenance, if it is registered.

    Raises:
        NotFound: no such version, suite or dataset.
        InvalidInput: the suite does not parse, or does not know a role or a check that was given; or a check that is to run
            reads a dataset that is neither given nor known (`datasets_missing`): it would replace an earlier result with
            the news that nothing could be measured.
    """
    from clearance.checks import suites

    named = new.suite or ("" if new.document else _usual(tx, model))
    if bool(named) == bool(new.document):
        raise InvalidInput(
            "name a suite or send a document, not both or neither",
            code="suite_ambiguous",
            hint="`clearance checks suites` lists those that are there; a model made from a template has a suite of its own",
        )
    document = suites.parse(new.document, new.name) if new.document else suites.builtin(named)
    version = registry.get_pinned(tx, model, number)
    suite = _narrowed(document.suite, new.only)
    known = {role for each in document.suite.checks for role in _roles(each, document.suite)}
    if unknown := sorted(set(new.datasets) - known):
        raise InvalidInput(
            f"the suite {document.suite.name} has no use for the dataset {unknown[0]!r}",
            code="unknown_role",
            hint="it reads " + ", ".join(sorted(known)),
        )
    datasets = {role: registry.get_dataset(tx, digest) for role, digest in new.datasets.items()}
    for use in version.provenance.datasets:
        if use.role in known and use.role not in datasets and (found := _registered(tx, use.digest)):
            datasets[use.role.value] = found
    _complete(suite, datasets)
    return Plan(version=version, document=document, suite=suite, datasets=datasets)


def run_suite(plan: Plan, blobs: BlobStore, scratch: Path) -> tuple[CheckResult, ...]:
    """Run a suite over verified copies of the version's files and the datasets; takes long, needs no transaction.

    Raises:
        VerificationFailed: stored bytes are not what they claim to be.
    """
    from clearance.checks import runner

    folder = Path(tempfile.mkdtemp(dir=scratch, prefix="checks-"))
    try:
        blobs.materialize(plan.version.files, folder / "artifact")
        files = {
            role: File(path=f"{index}.data", size=dataset.size, sha256=dataset.digest)
            for index, (role, dataset) in enumerate(plan.datasets.items())
        }
        blobs.materialize(files.values(), folder / "datasets")
        paths = {role: folder / "datasets" / file.path for role, file in files.items()}
        subject = runner.Subject(folder / "artifact", plan.version.contract, paths, plan.suite)
        return runner.run(subject)
    finally:
        shutil.rmtree(folder)


def store_results(
    tx: Transaction, caller: Principal, keyring: Keyring, plan: Plan, results: Iterable[CheckResult]
) -> SuiteRun:
    """Sign each result as a statement about the version and keep it.

    Raises:
        Conflict: the installation's own key is revoked.
    """
    suite = plan.suite
    parameters: dict[str, Parameters] = {each.check: each for each in suite.checks}
    stored: list[StoredResult] = []
    for result in results:
        version, roles = plan.version, _roles(parameters[result.check], suite)
        predicate = {
            **plain(result),
            "suite": {"name": suite.name, "digest": plan.document.digest, "version": suite.version},
            "parameters": _said(parameters[result.check], suite),
            "inputs": {
                "artifact": version.digest,
                "datasets": {role: plan.datasets[role].digest for role in roles if role in plan.datasets},
                "code": f"clearance {__version__}",
            },
            "finished_at": timestamp(tx.now),
        }
        claim = about(version.model, version.number, version.digest, predicates.CHECK, predicate)
        stored.append(_result(evidence.sign_and_add(tx, caller, keyring, claim)))
    return SuiteRun(
        model=plan.version.model,
        number=plan.version.number,
        suite=suite.name,
        suite_digest=plan.document.digest,
        results=tuple(stored),
    )


def list_results(tx: Transaction, model: str, number: int) -> tuple[StoredResult, ...]:
    """Return the newest trusted result of each check of a version, in the order of their names.

    Raises:
        NotFound: no such version.
        VerificationFailed: a stored statement was changed.
    """
    newest = {
        statement.predicate["check"]: statement
        for statement in evidence.statements(tx, model, number, predicates.CHECK)
    }
    return tuple(_result(newest[check]) for check in sorted(newest))


def _usual(tx: Transaction, model: str) -> str:
    """Return the suite of the template that a model was made from, empty without one."""
    template = registry.get_model(tx, model).template
    return templates.get(template).suite if template else ""


def _narrowed(suite: Suite, only: tuple[str, ...]) -> Suite:
    """Return the suite with only these of its checks; with all when none is named."""
    words = [each.check for each in suite.checks]
    if unknown := [word for word in only if word not in words]:
        raise InvalidInput(
            f"the suite {suite.name} has no check {unknown[0]!r}",
            code="unknown_check",
            hint="it has " + ", ".join(words),
        )
    return replace(suite, checks=tuple(each for each in suite.checks if each.check in only)) if only else suite


def _complete(suite: Suite, datasets: Mapping[str, Dataset]) -> None:
    """Refuse to run a suite without the data that it reads."""
    missing = {role: None for each in suite.checks for role in _roles(each, suite) if role not in datasets}
    if not missing:
        return
    needs = {role: [each.check for each in suite.checks if role in _roles(each, suite)] for role in missing}
    able = [each.check for each in suite.checks if not missing.keys() & set(_roles(each, suite))]
    partly = "; or run only what needs none of it: " + " ".join(f"--only {check}" for check in able) if able else ""
    raise InvalidInput(
        f"the suite {suite.name} can't run without "
        + " and ".join(f"the dataset {role!r}, which {_listed(checks)}" for role, checks in needs.items()),
        code="datasets_missing",
        hint="give " + " ".join(f"--data {role}=FILE" for role in missing) + partly,
        details={"missing": needs},
    )


def _listed(checks: Sequence[str]) -> str:
    return f"the check {checks[0]} reads" if len(checks) == 1 else f"the checks {', '.join(checks)} read"


def _registered(tx: Transaction, digest: str) -> Dataset | None:
    try:
        return registry.get_dataset(tx, digest)
    except NotFound:
        return None  # only named in the provenance: its bytes are not here


def _roles(parameters: Parameters, suite: Suite) -> tuple[str, ...]:
    """Return the roles of the datasets that a check reads."""
    if parameters.check == "artifact_safety":
        return ()
    own = parameters.dataset or suite.dataset
    training = parameters.training if parameters.check == "data" else None
    return (own,) if training is None else (own, training)


def _said(parameters: Parameters, suite: Suite) -> dict[str, Any]:
    """Return what the suite said to a check, so that the statement can be read without the suite."""
    return {"label": suite.label, "positive": suite.positive, **plain(parameters)}


def _result(statement: StoredStatement) -> StoredResult:
    """Return what a statement says; one made elsewhere whose figures can't be read is not_measured, whatever it claims."""
    from pydantic import ValidationError

    found = statement.predicate
    try:
        result = parse(CheckResult, {name: found[name] for name in _FIELDS})
    except ValidationError as error:
        fault = error.errors()[0]
        reason = f"the statement can't be read at {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        result = CheckResult(check=str(found["check"]), verdict=Verdict.NOT_MEASURED, reason=reason)
    return StoredResult(
        statement=statement.id,
        model=statement.model,
        number=statement.number,
        suite=str(found["suite"]["name"]),
        suite_digest=str(found["suite"]["digest"]),
        result=result,
        datasets=_digests(found["inputs"]),
        added_at=statement.added_at,
        signer=statement.signer_name,
    )


def _digests(inputs: Any) -> dict[str, str]:
    datasets = inputs.get("datasets") if isinstance(inputs, Mapping) else None
    return {str(role): str(digest) for role, digest in datasets.items()} if isinstance(datasets, Mapping) else {}
