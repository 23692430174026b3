"""Buckets of shapes: each sample goes to the smallest that holds it, padded to its size.

A sample ends where nothing but padding follows, in every input that has buckets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edgebuild.core.array import Array, Integers, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec


def in_bucket(arrays: Mapping[str, Array], specs: Mapping[str, InputSpec], subject: str) -> dict[str, Array]:
    """The samples of the bucket that the shapes of ``specs`` are; all of them where there are no buckets.

    Raises:
        ConfigError: a sample is too long for every bucket, or none belongs to this one.
    """
    bucketed = {name: spec for name, spec in specs.items() if spec.buckets}
    if not bucketed:
        return dict(arrays)
    lengths = {name: _lengths(arrays[name], spec, f"{subject}, input {name!r}") for name, spec in bucketed.items()}
    places = _places(lengths, bucketed, lambda name, number: (f"{subject}, input {name!r}", f"sample {number}"))
    own = next(spec.sizes.index(spec.shape) for spec in bucketed.values())
    chosen = np.flatnonzero(places == own)
    if not len(chosen):
        shape = list(next(iter(bucketed.values())).shape)
        raise ConfigError(
            subject,
            f"no sample belongs to the bucket {shape}: each goes to the smallest that holds it",
            expected="samples for every bucket",
            fix="give samples of that length, or take the bucket out",
        )
    taken = {name: array[chosen] for name, array in arrays.items()}
    return fitted(taken, bucketed)


def fitted(arrays: Mapping[str, Array], specs: Mapping[str, InputSpec]) -> dict[str, Array]:
    """Samples cut or padded to the shapes of ``specs``, which hold them."""
    return {
        name: _fitted(array, specs[name]) if name in specs and specs[name].buckets else array
        for name, array in arrays.items()
    }


def bucket_numbers(
    arrays: Mapping[str, Array], specs: Mapping[str, InputSpec], subject: str, places: Sequence[str]
) -> Integers:
    """For each sample the number of the smallest of the buckets in ``specs`` that holds it.

    Args:
        places: how messages name the samples; empty: by their numbers.

    Raises:
        ConfigError: a sample is too long for every bucket.
    """
    bucketed = {name: spec for name, spec in specs.items() if spec.buckets and name in arrays}
    lengths = {name: _lengths(arrays[name], spec, f"{subject}, input {name!r}") for name, spec in bucketed.items()}

    def named(name: str, number: int) -> tuple[str, str]:
        return (places[number], name) if places else (f"{subject}, input {name!r}", f"sample {number}")

    return _places(lengths, bucketed, named)


def _lengths(array: Array, spec: InputSpec, where: str) -> Integers:
    """How long each sample is, without what is padding at its end."""
    axis = spec.bucket_axis
    if array.ndim != len(spec.shape):
        raise ConfigError(
            where,
            f"samples have shape {list(array.shape)}",
            expected=f"{len(spec.shape)} axes, as shape = {list(spec.shape)} has, the first for the samples",
        )
    rows = np.moveaxis(array, axis, 1).reshape(len(array), array.shape[axis], -1)
    used = (rows != spec.pad).any(axis=2)
    found: Integers = np.where(used.any(axis=1), array.shape[axis] - used[:, ::-1].argmax(axis=1), 0).astype(np.int64)
    return found


def _places(
    lengths: Mapping[str, Integers], specs: Mapping[str, InputSpec], named: Callable[[str, int], tuple[str, str]]
) -> Integers:
    """For each sample the number of the smallest bucket that holds it in every input."""
    needed = []
    for name, spec in specs.items():
        sizes = np.asarray([shape[spec.bucket_axis] for shape in spec.sizes])
        place = np.searchsorted(sizes, lengths[name])
        if (place == len(sizes)).any():
            first = int(np.argmax(place == len(sizes)))
            where, what = named(name, first)
            raise ConfigError(
                where,
                f"{what} is {int(lengths[name][first])} long",
                expected=f"at most {int(sizes[-1])}, the largest of its buckets",
                fix=f"cut it, add a bucket, or say what is padding: pad = {spec.pad:g} is",
            )
        needed.append(place)
    found: Integers = np.max(needed, axis=0).astype(np.int64)
    return found


def _fitted(array: Array, spec: InputSpec) -> Array:
    """Cut or padded to the bucket's size; what is cut is padding."""
    axis, size = spec.bucket_axis, spec.shape[spec.bucket_axis]
    cut = array[(slice(None),) * axis + (slice(size),)]
    missing = [(0, size - cut.shape[axis] if number == axis else 0) for number in range(cut.ndim)]
    return np.pad(cut, missing, constant_values=array.dtype.type(spec.pad))
