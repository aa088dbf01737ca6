"""The third step: somebody changes one byte of a stored model behind everybody's back."""

from __future__ import annotations

import time
from pathlib import Path

from clearance.demo import training
from clearance.demo.data import CAR_LOAN_LABEL
from clearance.demo.steps.lending import MODEL, first_day
from clearance.demo.story import Facts, Stage, StepFailed, expect
from clearance.demo.submission import Candidate, Submitted, submit
from clearance.demo.traffic import Answer, send
from clearance.gateway.model import Refusal
from clearance.registry.model import Version
from clearance.storage.blobs import BlobStore

TITLE = "Tampering"
WHY = "The digest is the identity: bytes that are not what was admitted never serve, and what served before goes on."

_NOTICED_WITHIN_SECONDS = 15.0


def run(stage: Stage, facts: Facts) -> None:
    """Change a byte of car-loan version 2, promote it, see it refused; then put the byte back and roll back."""
    version = _second_version(stage).version
    blob = _stored_model(stage, version)
    with stage.narrator.waiting("flipping one bit of one byte on the disk of the server"):
        place = _flip(blob)
    facts |= {"version": version.name, "flipped_byte": place, "of_bytes": blob.stat().st_size}
    promotion = stage.olga.delivery.promote(MODEL, version.number)
    expect(promotion.moved, f"{version.name} was not promoted: {promotion.decision.reason}")
    with stage.narrator.waiting("the gateway reads the new pointer, and verifies what it should load"):
        refusal = _refused(stage, version)
    facts |= {"refused_reason": refusal.reason, "refused_code": refusal.code}
    stage.narrator.say(f"[red]refused[/] {version.name}: {refusal.reason}")
    facts["served_by"] = _ask(stage).version
    expect(facts["served_by"] == f"{MODEL}/1", f"{facts['served_by']} answered")
    stage.narrator.say(f"[green]{facts['served_by']}[/], loaded and verified before, goes on serving")
    _flip(blob, place)
    facts["rolled_back_to"] = _recover(stage, facts, version)


def _second_version(stage: Stage) -> Submitted:
    """Submit car-loan version 2, which looks good: it will be the bad candidate of the canary."""
    with stage.narrator.waiting("training version 2: more trees, and a rule against financing two cars at once"):
        trained = training.car_loan_second(stage.loans.training)
    rule = training.DOUBLE_FINANCING
    parameters = {
        **training.BETTER_TREES,
        "rule": f"{rule.number} > {rule.above:g} and {rule.flag}: probability x {rule.factor:g}",
    }
    candidate = Candidate(MODEL, trained, stage.loans, CAR_LOAN_LABEL, parameters)
    submitted = submit(stage, candidate, stage.left["car_loan_data"], folder="car-loan-2", suite="lending")
    verdicts = set(submitted.verdicts().values())
    expect(verdicts == {"passed"}, f"version 2 should pass offline: {submitted.verdicts()}")
    auc = submitted.figure("performance", "auc")
    stage.narrator.say(f"{submitted.version.name} passes every check, with an AUC of {auc.value:.3f}")
    return submitted


def _stored_model(stage: Stage, version: Version) -> Path:
    """Return where the server keeps the model file; only somebody on its machine can know."""
    file = next(file for file in version.files if file.path.endswith(".onnx"))
    return BlobStore(stage.installation.home / "artifacts").path(file.sha256)


def _flip(blob: Path, place: int | None = None) -> int:
    """Flip the lowest bit of a byte, the middle one if none is named; return its place. Twice changes nothing."""
    content = bytearray(blob.read_bytes())
    where = len(content) // 2 if place is None else place
    content[where] ^= 1
    mode = blob.stat().st_mode
    blob.chmod(0o600)
    blob.write_bytes(content)
    blob.chmod(mode)
    return where


def _refused(stage: Stage, version: Version) -> Refusal:
    deadline = time.monotonic() + _NOTICED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        for refusal in stage.olga.gateway.status().refusals:
            if (refusal.model, refusal.number) == (version.model, version.number):
                return refusal
        time.sleep(0.1)
    raise StepFailed(f"the gateway did not refuse {version.name}")


def _ask(stage: Stage) -> Answer:
    with stage.installation.http("loan-desk") as http:
        return send(http, MODEL, first_day())


def _recover(stage: Stage, facts: Facts, version: Version) -> str:
    """Go back to what served, and close what the refusal opened."""
    back = stage.olga.delivery.rollback(MODEL, f"{version.name} was changed on disk; its bytes were restored")
    expect(back.to_number == 1, f"the rollback went to {MODEL}/{back.to_number}")
    alerts = [alert for alert in stage.olga.alerts.list(model=MODEL) if alert.kind == "load.refused"]
    facts["alerts"] = [alert.title for alert in alerts]
    expect(alerts, "the refusal raised no alert")
    for incident in {alert.incident for alert in alerts if alert.incident}:
        stage.olga.incidents.resolve(incident, "One byte of a stored model was changed; restored from the original.")
    return f"{MODEL}/{back.to_number}"
