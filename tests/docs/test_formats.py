"""Every example of docs/formats and of the how-tos is one that the program itself takes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml
from pydantic import TypeAdapter

from clearance.audit import checkpoint
from clearance.checks import suites
from clearance.delivery.model import Strategy
from clearance.evidence import predicates
from clearance.policy import packs
from clearance.registry.contract import ModelContract, check_contract
from clearance.values import canonical_json
from tests.docs.pages import ROOT, Block, blocks

DOCS = ROOT / "docs"
EXAMPLES = [
    (page, block)
    for page in sorted((DOCS / "formats").glob("*.md"))
    for block in blocks(page)
    if block.marker == "example"
]


def _contract(text: str) -> None:
    check_contract(TypeAdapter(ModelContract).validate_python(yaml.safe_load(text)))


def _leaf(text: str) -> None:
    assert canonical_json(json.loads(text)) == text.strip().encode()


def _checkpoint(text: str) -> None:
    verifier = next(b.text for b in blocks(DOCS / "formats/audit-leaf-and-checkpoint.md") if b.argument == "verifier")
    assert checkpoint.verify(text, checkpoint.parse_verifier(verifier)).size == int(text.splitlines()[1])


LOADERS: dict[str, Callable[[str], object]] = {
    "contract": _contract,
    "suite": suites.parse,
    "pack": lambda text: packs.load(text, "example.yaml"),
    "check": lambda text: predicates.validate(predicates.CHECK, json.loads(text)),
    "vsa": lambda text: predicates.validate(predicates.VSA, json.loads(text)),
    "leaf": _leaf,
    "checkpoint": _checkpoint,
    "verifier": checkpoint.parse_verifier,
}


@pytest.mark.parametrize(("page", "block"), EXAMPLES, ids=[f"{p.name}:{b.line}" for p, b in EXAMPLES])
def test_an_example_is_what_it_claims_to_be(page: object, block: Block) -> None:
    LOADERS[block.argument](block.text)


def test_every_format_has_an_example() -> None:
    assert {block.argument for _, block in EXAMPLES} == set(LOADERS)


def test_the_suite_of_the_how_to_can_be_run() -> None:
    found = next(b for b in blocks(DOCS / "how-to/write-a-suite.md") if b.language == "yaml")
    assert suites.parse(found.text).suite.name == "house"


def test_the_strategy_of_the_how_to_is_the_built_in_one_shortened() -> None:
    found = next(b for b in blocks(DOCS / "how-to/canary.md") if b.language == "yaml")
    source = ROOT / "src/clearance/delivery/strategies/canary.yaml"
    shown, whole = yaml.safe_load(found.text), yaml.safe_load(source.read_text("utf-8"))
    TypeAdapter(Strategy).validate_python(whole)
    metrics = {metric["name"]: metric for metric in whole["metrics"]}
    for metric in shown.pop("metrics"):
        assert {**metrics[metric["name"]], "source": metric["source"]} == metric
    assert shown == {key: found for key, found in whole.items() if key != "metrics"}


def test_the_limits_of_the_canary_page_are_those_of_the_strategy() -> None:
    whole = yaml.safe_load((ROOT / "src/clearance/delivery/strategies/canary.yaml").read_text("utf-8"))
    page = (DOCS / "how-to/canary.md").read_text("utf-8")
    for metric in whole["metrics"]:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{metric['name']}`"))
        assert f"| {metric['limit']:g} | {metric['on_failure'].replace('_', ' ')} |" in row


def test_every_json_and_python_block_parses() -> None:
    for page in sorted(DOCS.rglob("*.md")):
        for block in blocks(page):
            where = f"{page.relative_to(ROOT)}:{block.line}"
            if block.language == "json":
                json.loads(block.text)
            elif block.language == "python":
                compile(block.text, where, "exec")
