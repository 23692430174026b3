"""Verdicts that earlier versions recorded and signed come out the same, and their signatures hold, for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild.judge.verdict import RULES
from edgebuild.rejudging import rejudge
from edgebuild.signatures import signature_check
from edgebuild.store.bundle import open_bundle
from edgebuild.store.evidence import open_evidence
from edgebuild.store.keys import find_trusted_keys

PINNED = sorted((Path(__file__).parent / "verdicts").glob("*.edgebundle"))


@pytest.mark.parametrize("place", PINNED, ids=lambda place: place.stem)
def test_what_was_recorded_comes_out_the_same(place: Path) -> None:
    bundle = open_bundle(place)
    assert bundle.check() == ()
    found = rejudge(bundle, open_evidence(bundle).records)
    assert [f"{each.number}: {each.why}" for each in found if each.state != "ok"] == []
    assert len(found) > 50


@pytest.mark.parametrize("place", PINNED, ids=lambda place: place.stem)
def test_its_signature_holds(place: Path) -> None:
    bundle = open_bundle(place)
    keys = find_trusted_keys([place.with_suffix(".pub")])
    assert signature_check(bundle, open_evidence(bundle), keys).state == "ok"


def test_every_rule_but_the_newest_is_among_them_with_every_outcome() -> None:
    """The newest may still change until its verdicts are pinned: ``scripts/pin_verdicts`` does that."""
    records = [record for place in PINNED for record in open_evidence(open_bundle(place)).records]
    verdicts = [record.payload for record in records if record.kind == "verdict"]
    assert {verdict.rule for verdict in verdicts} >= {*RULES} - {max(RULES)}
    assert {verdict.outcome.value for verdict in verdicts} == {"PASS", "FAIL", "INCONCLUSIVE"}
