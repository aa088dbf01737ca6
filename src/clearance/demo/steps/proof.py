"""The last step: what an outsider can check for themselves, with none of our programs running."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from clearance.audit.events import Event
from clearance.demo.steps.lending import MODEL
from clearance.demo.story import Facts, Stage, StepFailed, expect
from clearance.values import sha256

TITLE = "Proof"
WHY = "Every step left a leaf in a log that nobody can change unseen. An auditor needs the file, and nobody's word."


def run(stage: Stage, facts: Facts) -> None:
    """Take version 1's passport and report away, decide every decision again, and verify the log that holds it all."""
    _passport(stage, facts)
    _report(stage, facts)
    with stage.narrator.waiting("deciding every decision again from its stored facts and pack"):
        replay = stage.aude.policy.replay()
    facts["decisions"] = {"total": replay.total, "reproduced": replay.reproduced}
    expect(
        replay.total and replay.reproduced == replay.total, f"{len(replay.differing)} decisions came out differently"
    )
    stage.narrator.say(f"[green]reproduced[/] {replay.reproduced} of {replay.total} decisions, bit for bit")
    with stage.narrator.waiting("recomputing the whole log against its signed checkpoints"):
        found = stage.aude.audit.verify()
    facts |= {"leaves": found.leaves, "checkpoints": found.checkpoints, "root": found.root}
    expect(found.ok, f"the audit log does not verify: {'; '.join(found.problems)}")
    stage.narrator.say(f"[green]verified[/] {found.leaves} leaves against {found.checkpoints} signed checkpoints")


def _passport(stage: Stage, facts: Facts) -> None:
    passport = stage.folder / "car-loan-1.passport.json"
    passport.write_text(json.dumps(stage.aude.evidence.passport(MODEL, 1), indent=2, ensure_ascii=False), "utf-8")
    pin = stage.aude.audit.key().strip()
    with stage.narrator.waiting("verifying the passport in a process with an empty environment"):
        facts["passport"] = str(passport)
        facts["passport_verified"] = _verifies(passport, pin)
        forged = passport.with_name("forged.passport.json")
        forged.write_text(passport.read_text("utf-8").replace('"clearance demo"', '"somebody else"'), "utf-8")
        facts["forged_passport_refused"] = not _verifies(forged, pin)
    expect(facts["passport_verified"], "the passport does not verify")
    expect(facts["forged_passport_refused"], "a forged passport verifies")
    stage.narrator.say(f"[green]verified[/] {passport.name} with nothing but the file; a forged copy was refused")


def _report(stage: Stage, facts: Facts) -> None:
    """Write the report, and find the leaf that says with which digest it was given out."""
    path = stage.folder / "car-loan-1.html"
    with stage.narrator.waiting("writing the report: one page, drawn with its charts, that needs nothing else"):
        html = stage.aude.reports.html(MODEL, 1)
        path.write_text(html, "utf-8")
    digest = sha256(html.encode())
    leaf = next(iter(stage.aude.audit.entries(event=Event.REPORT_WRITTEN, limit=1)), None)
    facts |= {"report": str(path), "report_digest": digest}
    expect(leaf is not None and leaf.data["digest"] == digest, "the log does not know the report")
    stage.narrator.say(f"[green]written[/] {path.name}, {len(html) / 1024:.0f} KiB; the log holds its digest")


def _verifies(passport: Path, pin: str) -> bool:
    """Run `clearance passport verify` with no environment, no server and no data folder; return whether it verifies.

    Raises:
        StepFailed: it did not get as far as an answer.
    """
    done = subprocess.run(
        [sys.executable, "-m", "clearance", "passport", "verify", passport.name, "--pin-log", pin, "--json"],
        cwd=passport.parent,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    try:
        report = json.loads(done.stdout)
        return bool(report["ok"]) and done.returncode == 0
    except (ValueError, KeyError):
        raise StepFailed(f"`clearance passport verify` gave no answer: {done.stderr.strip()[-400:]}") from None
