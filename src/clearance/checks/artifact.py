"""Can a version's files be loaded safely? The verdict over what was found in them; pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from clearance.checks.model import CheckResult, Figure, Finding, conclude
from clearance.checks.parameters import ArtifactSafetyCheck
from clearance.checks.scanning import Danger, Hazard
from clearance.statistics.verdicts import Verdict

_LICENCES = frozenset({"license", "licence", "copying", "license.txt", "licence.txt", "license.md", "licence.md"})


def check(parameters: ArtifactSafetyCheck, files: Iterable[str], dangers: Iterable[Danger]) -> CheckResult:
    """Judge an artifact by the paths of its files and the dangers that `scanning.scan` found in them."""
    paths = tuple(files)
    found = tuple(dangers)
    findings = [Finding(verdict=Verdict.FAILED, sentence=f"{each.path} {each.what}") for each in found]
    licensed = any(PurePosixPath(path).name.lower() in _LICENCES for path in paths)
    if parameters.require_licence and not licensed:
        findings.append(Finding(verdict=Verdict.FAILED, sentence="there is no licence file"))
    if not paths:
        findings.append(Finding(verdict=Verdict.NOT_MEASURED, sentence="the artifact has no files"))
    clean = f"{len(paths)} file{'s' * (len(paths) != 1)}: no code that runs on loading, no secrets, no custom operators"
    figures = [
        Figure(name="files", value=float(len(paths))),
        *(Figure(name=_NAMES[hazard], value=float(sum(each.hazard is hazard for each in found))) for hazard in Hazard),
    ]
    notes = [] if licensed or parameters.require_licence else ["note: there is no licence file"]
    return conclude(
        "artifact_safety", [*findings, Finding(verdict=Verdict.PASSED, sentence=clean)], figures, notes=notes
    )


_NAMES = {Hazard.CODE: "code_findings", Hazard.SECRET: "secrets", Hazard.ONNX: "onnx_faults"}
