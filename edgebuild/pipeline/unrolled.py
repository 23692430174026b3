"""Sequences taken apart into single steps, each with the states that the source model really came to there.

Of a model whose states are given, a step is a sample like any other: that is how it is traced and calibrated.
"""

from __future__ import annotations

from pathlib import Path

from edgebuild.core.array import Integers, np
from edgebuild.core.digest import Json
from edgebuild.core.signature import Signature
from edgebuild.pipeline.float_stages import load_outputs
from edgebuild.pipeline.sources import DataSet
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.store.entry import Entry

UNROLL = Stage("unroll", ("pipeline/unrolled.py", "models/sequences.py", "models/samples.py"), ("numpy",))

MOST = 1024
"""So many steps at most are kept: a step is a small thing, and the range of a state shows late."""


def single_steps(road: Road, samples: DataSet, reference: Entry, signature: Signature) -> DataSet:
    """The steps of sequences as samples: the inputs, and the states by what the source model gave.

    Args:
        reference: the source model's outputs for all of the sequences.
    """
    inputs: dict[str, Json] = {
        "samples": samples.digest,
        "reference": reference.content,
        "signature": signature.model_dump(mode="json"),
    }

    def make(folder: Path) -> None:
        from edgebuild.models.samples import Samples, in_rows, input_specs, steps_of
        from edgebuild.models.sequences import states_in

        specs = input_specs(signature)
        steps = steps_of(samples.samples, specs)
        assert steps is not None, "sequences are taken apart once"
        rows = in_rows(samples.samples, specs) | states_in(load_outputs(reference), signature, steps)
        chosen = _chosen(len(samples.samples), steps)
        Samples({name: rows[name][chosen] for name in specs}).save(folder)

    return DataSet(samples.name, road.step(UNROLL, samples.name, inputs, make))


def _chosen(count: int, steps: int) -> Integers:
    """Which rows are kept; the first is a last step, for in a first one all states are zero and alike."""
    total = count * steps
    drawn = np.random.default_rng(0).choice(total, min(MOST, total), replace=False)
    chosen: Integers = np.concatenate([[steps - 1], np.sort(drawn[drawn != steps - 1])]).astype(np.int64)
    return chosen[:MOST]
