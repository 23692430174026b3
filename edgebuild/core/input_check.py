"""Whether samples fit the model: the rules of the check, and what it says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgebuild.core.base import Frozen

Kind = Literal[
    "scale", "mean and deviation", "channel order", "layout", "padding", "sample rate", "vocabulary", "labels",
    "constant channel", "saturated", "resize",
]  # fmt: skip
Certainty = Literal["certain", "named", "suspected"]


class InputCheck(Frozen):
    """``[input_check]`` of a profile.

    Attributes:
        on_suspicion: "warn" says what is suspected, "fail" ends the build with it, "off" does not look.
        samples: at most so many samples are run under each declaration.
        confidence: 1 − α for naming any other declaration where the declared one is right.
        min_gain: percentage points of the metric that another declaration must win to be named.
    """

    on_suspicion: Literal["warn", "fail", "off"] = "warn"
    samples: Annotated[int, Field(ge=1)] = 256
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.99
    min_gain: Annotated[float, Field(ge=0)] = 2.0


class Suspicion(Frozen):
    """One reason to think that samples do not fit the model.

    Attributes:
        input: whose declaration it is about; "labels" for the labels'.
        part: the part of the model that takes it; "" of one graph.
        kinds: what is declared wrongly.
        certainty: "certain" where it can't be otherwise, "named" by a paired test on labelled samples, "suspected"
            without such a test.
        found: what is wrong, in a sentence.
        evidence: the numbers.
        declaration: the line of the project file that would mend it; empty where the samples themselves are wrong.
        fix: what to do.
    """

    input: str
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]
    certainty: Certainty
    found: str
    evidence: str
    declaration: str = ""
    fix: str = ""
    part: str = ""

    @property
    def place(self) -> str:
        """Where the input is declared in the project file."""
        return f"{f'parts.{self.part}' if self.part else 'model'}.inputs.{self.input}"

    @property
    def message(self) -> str:
        """All of it on a few lines."""
        text = f"[{self.place}] {self.certainty}: {self.found}\n  evidence: {self.evidence}"
        if self.declaration:
            text += f"\n  would mend it: {self.declaration}"
        return text + (f"\n  to do: {self.fix}" if self.fix else "")


class InputReport(Frozen):
    """What the check did and found.

    Attributes:
        samples: how many were looked at.
        labelled: how many units with labels each declaration was scored on; 0 without.
        tried: declarations that were tried beside the project's.
        score: of the declared inputs, in percent, where there are labels.
    """

    samples: int
    labelled: int = 0
    tried: int = 0
    score: float | None = None
    suspicions: tuple[Suspicion, ...] = ()
