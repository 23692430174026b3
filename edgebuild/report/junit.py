"""Cases as JUnit XML, which every CI server reads: a suite a subject, a test case a budget.

FAIL is a failure; INCONCLUSIVE and what came to no verdict are errors, since neither may read as passed; what is shown
beside and decides nothing is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from edgebuild.core.verdict import Outcome
from edgebuild.report.verdict import Case
from edgebuild.store.files import write_atomic

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, cases: Sequence[Case]) -> None:
    """Write a report.

    Raises:
        ConfigError: it can't be written there. BuildError: the disk is full.
    """
    root = Element("testsuites", {"name": "edgebuild", **_counts(cases)})
    for subject in dict.fromkeys(case.subject for case in cases):
        own = [case for case in cases if case.subject == subject]
        suite = SubElement(root, "testsuite", {"name": _plain(subject), **_counts(own)})
        for case in own:
            made = SubElement(suite, "testcase", classname=_plain(f"edgebuild.{subject}"), name=_plain(case.name))
            _tell(made, case)
    indent(root)
    write_atomic(path, tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _tell(made: Element, case: Case) -> None:
    tag = _tag(case)
    if tag:
        SubElement(made, tag, message=_plain(case.text), type=case.word)
    elif case.text:
        SubElement(made, "system-out").text = _plain(case.text)


def _tag(case: Case) -> str:
    if not case.decides:
        return "skipped"
    if case.outcome is None:
        return "error"
    return {Outcome.PASS: "", Outcome.FAIL: "failure", Outcome.INCONCLUSIVE: "error"}[case.outcome]


def _counts(cases: Iterable[Case]) -> dict[str, str]:
    tags = [_tag(case) for case in cases]
    counted = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    return {"tests": str(len(tags)), **{name: str(tags.count(tag)) for name, tag in counted.items()}, "time": "0"}


def _plain(text: str) -> str:
    """Without what XML can't hold: a device may say anything."""
    return _NOT_XML.sub("\ufffd", text)
