"""The code that an application has of tflite-micro's, by the operators that it registers."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild.compilers import tflite_micro
from edgebuild.compilers.tflite_micro.code_size import _MEASURED, code_size
from edgebuild.pipeline.stage import _sources


def known(*kinds: str) -> int:
    found = code_size(kinds)
    assert found is not None
    return found


def test_what_operators_share_counts_once() -> None:
    alone = known()
    assert alone > 8 * 1024, "the interpreter itself"
    both = known("CONV_2D", "DEPTHWISE_CONV_2D")
    assert known("CONV_2D") < both < known("CONV_2D") + known("DEPTHWISE_CONV_2D") - alone
    assert known("CONV_2D", "CONV_2D") == known("CONV_2D")


def test_nothing_is_said_where_one_was_not_measured() -> None:
    assert code_size(["CONV_2D", "SignalWindow"]) is None
    assert code_size(["ethos-u"]) is not None, "registered by another name"


def test_the_table_is_part_of_the_key_of_what_is_compiled() -> None:
    assert _MEASURED in list(_sources(Path(tflite_micro.__file__).parent.parent))


def test_it_was_measured_of_the_package_that_is_used() -> None:
    if not tflite_micro.version():
        pytest.skip(f"{tflite_micro.VARIABLE} names no Python that has tflite-micro")
    assert tflite_micro.version() in _MEASURED.read_text(encoding="utf-8"), "run scripts/kernel_sizes again"
