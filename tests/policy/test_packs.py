"""Packs load, or are refused where and why."""

from __future__ import annotations

import pytest

from clearance.errors import InvalidInput
from clearance.policy import packs
from clearance.policy.pack import InstalledPack, Over, Pack, Severity
from clearance.values import digest_of
from tests.policy.samples import YAML

BAD: dict[str, tuple[str, str, str]] = {
    "a typo in a fact": ("figures['performance.auc'] >=", "figurs['performance.auc'] >=", "own.yaml:14:17: "),
    "an int literal beside a figure": ("parameters['floor']\n    m", "1\n    m", "write 2.0 instead of 2"),
    "an unknown parameter": ("parameters['floor']\n    m", "parameters['flor']\n    m", "has no `flor`"),
    "an expression that is no question": (
        "figures['performance.auc'] >= parameters['floor']\n    m",
        "figures['performance.auc']\n    m",
        "must give true or false",
    ),
    "a nested comprehension": (
        "figures['performance.auc'] >= parameters['floor']\n    m",
        "figures.all(a, figures.all(b, true))\n    m",
        "second comprehension",
    ),
    "a broken expression": (">= parameters['floor']\n    m", ">=\n    m", "Syntax error"),
    "a message about nothing": ("AUC is {figures['performance.auc']}", "AUC is {auc}", "own.yaml:15:14"),
    "a message with half a brace": ("AUC is {figures['performance.auc']}", "AUC is {", "brace"),
    "an unknown key": ("    sources: [M1]", "    sources: [M1]\n    sverity: warn", "own.yaml:17:14"),
    "a key that is there twice": ("    sources: [M1]", "    sources: [M1]\n    id: two", "twice"),
    "a word that is none": ("severity: block", "severity: blocks", "own.yaml:13:15"),
    "a missing key": ("    title: The AUC is high\n", "", "`title` is missing"),
    "a rule without a source": ("sources: [M1]", "sources: []", "list is empty"),
    "only warnings": ("severity: block", "severity: warn", "would let everything pass"),
    "no rules": (YAML[YAML.index("rules:") :], "rules: []\n", "would let everything pass"),
    "a parameter without a tier": ("values: {standard: 0.8}", "values: {full: 0.8}", "risk tier standard"),
    "a parameter that is no number": ("{standard: 0.8}", "{standard: high}", "own.yaml:7:46"),
    "a NaN": ("{standard: 0.8}", "{standard: .nan}", "must be a number"),
    "a risk tier that is none": (
        "risks: [standard]",
        "risks: [standard, nope]",
        "own.yaml:5:19: risks[1]: `nope` is none",
    ),
    "an environment that is none": ("[production]", "[prod]", "own.yaml:4:16: environments[0]: `prod` is none"),
    "no environment": ("[production]", "[]", "list is empty"),
    "a parameter of a tier that is none": ("{standard: 0.8}", "{standard: 0.8, nope: 1}", "no risk tier `nope`"),
    "words for an applicability that is none": (
        "    sources: [M1]",
        "    applies_to: cars\n    sources: [M1]",
        "without `applies` it applies to everything",
    ),
    "what was found of nothing": ("    sources: [M1]", '    found: "{auc}"\n    sources: [M1]', "own.yaml:16:12"),
    "broken YAML": ("risks: [standard]", "risks: [standard", "own.yaml:"),
    "an alias": ("risks: [standard]", "risks: *all", "aliases"),
    "approvals by nobody": ("{count: 0}", "{count: 1}", "`roles` must say"),
    "approvals by who may not": ("{count: 0}", "{count: 1, roles: [viewer]}", "may not approve"),
    "a bad name": ("name: own", "name: Own Pack", "own.yaml:1:7"),
    "a version that has no order": ('"1"', "spring", 'own.yaml:2:10: version: this must be a number such as "2"'),
    "a pack of text": (YAML, "just words", "must be a mapping"),
    "an empty file": (YAML, "", "is empty"),
    "a control character": ("name: own", "name: o\x00wn", "own.yaml"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_pack_is_refused_with_its_position(what: str) -> None:
    good, bad, says = BAD[what]
    assert good in YAML
    with pytest.raises(InvalidInput) as caught:
        packs.load(YAML.replace(good, bad, 1), "own.yaml")
    assert says in caught.value.message
    assert caught.value.message.startswith("own.yaml")


@pytest.mark.parametrize(
    ("good", "bad", "known"),
    [
        ("risks: [standard]", "risks: [nope]", "light, standard, full"),
        ("environments: [production]", "environments: [nope]", "development, staging, production, *"),
    ],
)
def test_a_pack_that_could_never_apply_is_refused_with_the_words_there_are(good: str, bad: str, known: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        packs.load(YAML.replace(good, bad), "own.yaml")
    assert caught.value.hint == f"allowed: {known}"


@pytest.mark.parametrize(
    ("version", "than", "newer"),
    [
        ("2", "1", True),
        ("10", "9", True),
        ("1", "1", False),
        ("1.0", "1", False),
        ("1.1", "1", True),
        ("1.9", "2", False),
        ("1", "spring", True),
        ("007", "8", False),
    ],
)
def test_versions_of_packs_are_ordered_as_numbers(version: str, than: str, newer: bool) -> None:
    assert packs.is_newer(version, than) is newer


@pytest.mark.parametrize("version", ["1", "9", "2.9", "1.0.3", "spring"])
def test_the_next_version_is_newer(version: str) -> None:
    assert packs.is_newer(packs.next_version(version), version)


def test_all_faults_of_a_pack_are_told_at_once_each_with_its_place() -> None:
    wrong = (
        YAML.replace("[production]", "[prod]")
        .replace("severity: block", "severity: maybe")
        .replace("{count: 0}", "{count: 1}")
    )
    wrong += (
        YAML[YAML.index("  - id: one") :].replace("    title: The AUC is high\n", "").replace("severity", "sverity")
    )
    wrong += YAML[YAML.index("  - id: one") :].replace("'floor'", "'flor'").replace("AUC is {", "AUC is {a}{")
    with pytest.raises(InvalidInput) as caught:
        packs.load(wrong, "own.yaml")
    faults = caught.value.details["faults"]
    assert [each["path"] for each in faults] == [
        "environments[0]",
        "approvals",
        "rules[0].severity",
        "rules[1].sverity",
        "rules[1]",
        "rules[1]",
        "rules[2].expression",
        "rules[2].message",
    ]
    lines = caught.value.message.split("\n")
    assert len(lines) == len(faults)
    assert all(line.startswith("own.yaml:") for line in lines)
    assert lines[0].endswith("(allowed: development, staging, production, *)")
    assert (caught.value.details["line"], caught.value.hint) == (4, "")


def test_two_rules_of_one_id_are_refused() -> None:
    again = YAML[YAML.index("  - id: one") :]
    with pytest.raises(InvalidInput, match="two rules with the id one") as caught:
        packs.load(YAML + again, "own.yaml")
    assert caught.value.details["line"] == 17


def test_deep_and_huge_documents_are_refused() -> None:
    for text in ("[" * 1000, "x" * 300_000):
        with pytest.raises(InvalidInput):
            packs.load(text, "own.yaml")


def test_a_typo_shows_the_expression_with_a_mark_under_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        packs.load(YAML.replace(">= parameters", ">= paramters"), "own.yaml")
    text, mark = caught.value.hint.split("\n")
    assert text[mark.index("^") :].startswith("paramters")
    assert (caught.value.code, caught.value.details["rule"]) == ("expression_invalid", "one")


def test_the_digest_is_of_what_a_pack_says_and_not_of_its_layout() -> None:
    pack = packs.load(YAML, "own.yaml")
    spaced = packs.load(YAML.replace("\n", "\n\n").replace("name: own", "# a remark\nname:   own"), "other.yaml")
    assert digest_of(pack) == digest_of(spaced)
    assert digest_of(pack) != digest_of(packs.load(YAML.replace("0.8", "0.81"), "own.yaml"))


DIGESTS = {
    ("full", "3"): "sha256:01675f5b16f3a811d3f4036cd24f617ba5a4b4c89d7754336011d39203e6e167",
    ("standard", "3"): "sha256:a581ff0414820967d132620bb48c875a2270d9314f7adec2060014401c3c3189",
}
"""Every version of a built-in pack that there is, or was, by what it says."""


@pytest.mark.parametrize("pack", packs.builtin().values(), ids=lambda pack: pack.name)
def test_a_builtin_pack_that_says_something_else_has_a_higher_version(pack: Pack) -> None:
    assert digest_of(pack) == DIGESTS.get((pack.name, pack.version)), "raise its version, and add the digest here"


@pytest.mark.parametrize("pack", packs.builtin().values(), ids=lambda pack: pack.name)
def test_every_rule_of_a_builtin_pack_says_in_words_what_it_applies_to_and_what_was_found(pack: Pack) -> None:
    assert all(rule.applies_to for rule in pack.rules if rule.applies)
    figures = {rule.id for rule in pack.rules if rule.each and rule.each.over is Over.FIGURES}
    assert {rule.id for rule in pack.rules if not rule.found} == figures, "the figures are shown beside the others"


@pytest.mark.parametrize("pack", packs.builtin().values(), ids=lambda pack: pack.name)
def test_every_number_and_rule_of_a_builtin_pack_names_its_source(pack: Pack) -> None:
    assert all(rule.sources for rule in pack.rules)
    assert all(parameter.source for parameter in pack.parameters)


def test_the_builtin_packs_cover_every_risk_tier_once() -> None:
    known = [InstalledPack(pack=pack, digest=digest_of(pack)) for pack in packs.builtin().values()]
    chosen = {risk: packs.choose(known, risk, "production") for risk in ("light", "standard", "full")}
    assert {risk: used.pack.name for risk, used in chosen.items() if used} == {
        "light": "standard",
        "standard": "standard",
        "full": "full",
    }
    assert packs.choose(known, "unheard-of", "production") is None


def test_the_full_pack_blocks_wherever_the_standard_one_does() -> None:
    standard, full = ({rule.id: rule.severity for rule in packs.builtin()[name].rules} for name in ("standard", "full"))
    assert standard.keys() == full.keys()
    assert {name for name in full if full[name] is Severity.WARN} == {"fairness-intersections", "onboarding-complete"}
    assert packs.builtin()["full"].approvals.count == 1
