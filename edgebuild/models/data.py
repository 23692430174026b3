"""Data sets: read from the user's callable, .npz files or images, checked, split and kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgebuild.core.array import Array, Integers, np
from edgebuild.core.digest import Digest, digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource, InputSpec
from edgebuild.models.buckets import in_bucket
from edgebuild.models.entry import entry_state, is_entry
from edgebuild.models.paths import given
from edgebuild.models.sample_checks import check_counts, check_names, check_samples
from edgebuild.models.samples import Samples, input_specs, prepare_inputs
from edgebuild.models.sources import read_source
from edgebuild.store.cache import Cache

__all__ = [
    "Samples",
    "input_specs",
    "load_samples",
    "prepare_inputs",
    "refuse_overlap",
    "source_state",
    "split_selection",
]


def load_samples(
    source: DataSource, specs: Mapping[str, InputSpec], root: Path, cache: Cache, name: str = "data"
) -> Samples:
    """Read and check one data set.

    Args:
        source: a callable, an .npz file, a folder of .npz files or a folder of images.
        specs: the model's inputs.
        root: the project's folder; relative paths start there.
        cache: remembers what a callable reads.
        name: the set's name in messages, such as "calibration".

    Raises:
        ConfigError: the source or a sample is not what it must be.
        BuildError: the callable failed.
    """
    subject = f"[data.{name}]"
    samples = _samples(read_source(source, specs, root, cache, subject), specs, subject, source.limit)
    check_samples(samples, specs, subject)
    return samples


def source_state(source: DataSource, root: Path, cache: Cache, name: str = "data") -> Digest | None:
    """A digest that changes when the data may have changed, without reading it; None if it must be read."""
    if is_entry(source.source):
        state = entry_state(source.source, root, pure=source.pure, input_files=source.input_files, cache=cache)
        return None if state is None else digest_json([state, source.limit])
    path = given(root, source.source, f"[data.{name}]")
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    if source.labels:
        files.append(given(root, source.labels, f"[data.{name}] labels"))
    return digest_json([[[p.name, cache.digests.of(p)] for p in files], source.limit])


def split_selection(samples: Samples, fraction: float, seed: int) -> tuple[Samples, Samples]:
    """Split a calibration set into what calibrates and what selects.

    Samples of one group, and samples that hold the same data, stay on one side.

    Args:
        samples: the set to split.
        fraction: the share that becomes the selection set.
        seed: of the shuffle.

    Returns:
        The calibration and the selection set, each in the original order.

    Raises:
        ConfigError: there are fewer than two samples that can be told apart.
    """
    keys = _split_keys(samples)
    units = np.unique(keys)
    if len(units) < 2:
        raise ConfigError(
            "[data.calibration]",
            f"too small to split: {len(samples)} samples, {len(units)} that can be told apart",
            expected="at least 2 different samples (or groups), better 100 or more",
            fix="give more samples, or a selection set of its own under [data.selection]",
        )
    count = min(max(1, round(fraction * len(units))), len(units) - 1)
    chosen = np.random.default_rng(seed).permutation(units)[:count]
    selected = np.isin(keys, chosen)
    return samples.take(np.flatnonzero(~selected)), samples.take(np.flatnonzero(selected))


def refuse_overlap(first: Samples, second: Samples, names: tuple[str, str] = ("one set", "the other")) -> None:
    """Refuse two sets that share a sample.

    Raises:
        ConfigError: with how many they share, and the first pair.
    """
    where = {digest: i for i, digest in reversed(list(enumerate(first.sample_digests)))}
    shared = [(where[digest], i) for i, digest in enumerate(second.sample_digests) if digest in where]
    if shared:
        a, b = shared[0]
        raise ConfigError(
            f"[data] {names[0]} and {names[1]}",
            f"they share {len(shared)} samples; sample {a} of {names[0]} is sample {b} of {names[1]}",
            expected="disjoint sets",
            fix=f"take the shared samples out of {names[0]}",
        )


def _split_keys(samples: Samples) -> Integers:
    """A number per sample; equal for samples that share a group or their data, directly or through others."""
    parent = list(range(len(samples)))

    def root_of(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for labels in (samples.sample_digests, () if samples.groups is None else samples.groups.tolist()):
        first: dict[object, int] = {}
        for i, label in enumerate(labels):
            a, b = sorted((root_of(first.setdefault(label, i)), root_of(i)))
            parent[b] = a
    return np.asarray([root_of(i) for i in range(len(samples))], np.int64)


def _samples(arrays: dict[str, Array], specs: Mapping[str, InputSpec], subject: str, limit: int | None) -> Samples:
    check_names(arrays, specs, subject)
    arrays = in_bucket(arrays, specs, subject)
    inputs = {name: arrays[name] for name, spec in specs.items() if not spec.is_state}
    full = Samples(inputs, _integers(arrays.get("labels")), _integers(arrays.get("groups")))
    check_counts(full, subject)
    return full if limit is None else full.take(range(min(limit, len(full))))


def _integers(array: Array | None) -> Integers | None:
    """Integers as int64; anything else as it is, for the check that refuses it."""
    if array is None or array.dtype.kind not in "iub":
        return array  # type: ignore[return-value]
    return array.astype(np.int64)
