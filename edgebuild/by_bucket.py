"""Which of several bundles of one model each sample goes to, where each is compiled for a length of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebuild.core.array import Array, Integers, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Signature
from edgebuild.models.buckets import bucket_numbers, fitted
from edgebuild.models.samples import input_specs

_LABEL = re.compile(r"-\d+(x\d+)+")


@dataclass(frozen=True, eq=False)
class Share:
    """What one of the bundles is given: which samples, and their arrays, cut or padded to its shapes."""

    bundle: int
    rows: Integers
    arrays: dict[str, Array]


def bundles_at(paths: Iterable[Path]) -> list[Path]:
    """The paths; for one that is not there, what lies beside it under its name and a bucket's, such as ``-1x64``."""
    found: list[Path] = []
    for path in paths:
        beside = path.parent.iterdir() if not path.exists() and path.parent.is_dir() else ()
        named = [one for one in beside if _LABEL.fullmatch(one.name.removeprefix(path.name))]
        found += sorted((one for one in named if one.is_dir()), key=lambda one: _sizes(one.name)) or [path]
    return found


def _sizes(name: str) -> list[int]:
    return [int(size) for size in name.rsplit("-", 1)[1].split("x")]


def shares(
    signatures: Sequence[Signature], arrays: Mapping[str, Array], places: Sequence[str], subject: str
) -> list[Share]:
    """Each sample to the smallest that holds it.

    Args:
        signatures: of the bundles.
        arrays: by input, samples of one length, before the steps on arrays.
        places: how messages name the samples; empty: by their numbers.

    Raises:
        ConfigError: the bundles are not of one model in several lengths, or a sample is too long for each.
    """
    order = _smallest_first(signatures)
    specs = input_specs(signatures[0])
    number_of = {spec.sizes.index(spec.shape): i for i, spec in ((i, _bucketed(signatures[i])) for i in order)}
    there = sorted(number_of)
    chosen = np.searchsorted(there, wanted := bucket_numbers(arrays, specs, subject, places))
    if (chosen == len(there)).any():
        first = int(np.argmax(chosen == len(there)))
        sizes = _bucketed(signatures[0]).sizes
        raise ConfigError(
            places[first] if places else f"{subject}, sample {first}",
            f"is for the bucket {list(sizes[wanted[first]])}", expected=f"at most {list(sizes[there[-1]])}",
            fix="give the bundle of that bucket too, or the path of all without the bucket's part",
        )  # fmt: skip
    made: list[Share] = []
    for place, number in enumerate(there):
        rows = np.flatnonzero(chosen == place)
        if len(rows) or not (len(chosen) or made):
            own, taken = number_of[number], {name: array[rows] for name, array in arrays.items()}
            made.append(Share(own, rows, fitted(taken, input_specs(signatures[own]))))
    return made


def joined(parts: Sequence[tuple[Integers, Mapping[str, Array]]]) -> dict[str, Array]:
    """The outputs of all samples in their own order; what is as long as a bucket is filled up with zeros at its end."""
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    made = {}
    for name in parts[0][1]:
        values = [outputs[name] for _, outputs in parts]
        longest = np.max([value.shape[1:] for value in values], axis=0) if values[0].ndim > 1 else ()
        filled = [np.pad(v, [(0, 0), *((0, most - n) for most, n in zip(longest, v.shape[1:], strict=True))])
                  for v in values]  # fmt: skip
        made[name] = np.concatenate(filled)[order]
    return made


def _bucketed(signature: Signature) -> InputSpec:
    return next(spec for spec in input_specs(signature).values() if spec.buckets)


def _smallest_first(signatures: Sequence[Signature]) -> list[int]:
    """The bundles' numbers.

    Raises:
        ConfigError: they differ in more than the bucket.
    """
    plain = {_without_shapes(signature) for signature in signatures}
    if len(plain) > 1 or not any(spec.buckets for spec in signatures[0].inputs):
        raise ConfigError(
            "run", f"{len(signatures)} bundles that are no buckets of one model",
            expected="one bundle, or those that one build made of a model whose inputs have buckets",
        )  # fmt: skip
    shapes = [_bucketed(signature).shape for signature in signatures]
    if len(set(shapes)) < len(shapes):
        raise ConfigError(
            "run", f"two bundles are for the bucket {list(next(s for s in shapes if shapes.count(s) > 1))}"
        )
    return sorted(range(len(shapes)), key=lambda i: shapes[i])


def _without_shapes(signature: Signature) -> str:
    inputs = [(spec.name, spec.dtype, sorted({spec.shape, *spec.buckets}), spec.pad) for spec in signature.inputs]
    steps = sorted((name, [step.model_dump_json() for step in steps]) for name, steps in signature.pre.items())
    return repr((inputs, steps, [(spec.name, spec.dtype) for spec in signature.outputs]))
