"""Data sets: read from the user's callable or from files, checked, split and kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgebuild.core.array import Array, Integers, np
from edgebuild.core.digest import Digest, digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource, InputSpec
from edgebuild.core.quality_metric import CLASS_NUMBERS, LabelRule
from edgebuild.models.buckets import in_bucket
from edgebuild.models.entry import entry_state, is_entry
from edgebuild.models.gather import Raw
from edgebuild.models.paths import given
from edgebuild.models.rows import MANIFESTS
from edgebuild.models.sample_checks import check_counts, check_names, check_samples
from edgebuild.models.samples import Samples, input_specs, prepare_inputs
from edgebuild.models.sources import FOLDERS, files_named, read_source
from edgebuild.models.texts import ReadFile
from edgebuild.store.cache import Cache
from edgebuild.store.files import read_bytes

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
    source: DataSource,
    specs: Mapping[str, InputSpec],
    root: Path,
    cache: Cache,
    name: str = "data",
    rule: LabelRule = CLASS_NUMBERS,
    read_file: ReadFile | None = None,
) -> Samples:
    """Read and check one data set.

    Args:
        source: a callable, .npz files, a folder of files, or a file with a row a sample.
        specs: the model's inputs.
        root: the project's folder; relative paths start there.
        cache: remembers what a callable reads.
        name: the set's name in messages, such as "calibration".
        rule: what its labels must be.
        read_file: gives the files that steps name; default those of the project's folder.

    Raises:
        ConfigError: the source or a sample is not what it must be.
        BuildError: the callable failed.
    """
    subject = f"[data.{name}]"

    def own_file(file: str) -> bytes:
        return read_bytes(given(root, file, subject))

    raw = read_source(source, specs, root, cache, subject, read_file or own_file)
    samples = _samples(raw, specs, subject, source.limit)
    check_samples(samples, specs, subject, rule)
    return samples


def source_state(
    source: DataSource, root: Path, cache: Cache, name: str = "data", specs: Mapping[str, InputSpec] | None = None
) -> Digest | None:
    """A digest that changes when the data may have changed, without reading it; None if it must be read.

    Args:
        specs: the model's inputs: they say which columns of a file name further files.
    """
    if is_entry(source.source):
        state = entry_state(source.source, root, pure=source.pure, input_files=source.input_files, cache=cache)
        return None if state is None else digest_json([state, source.limit])
    path = given(root, source.source, f"[data.{name}]")
    files = [path]
    if path.is_dir():
        files = sorted(p for p in path.glob("**/*" if source.labels == FOLDERS else "*") if p.is_file())
    elif path.suffix in MANIFESTS:
        files += files_named(source, path, specs or {})
    if source.labels not in ("", FOLDERS):
        files.append(given(root, source.labels, f"[data.{name}] labels"))
    names = [p.relative_to(path).as_posix() if p.is_relative_to(path) else p.name for p in files]
    return digest_json([[[n, cache.digests.of(p)] for n, p in zip(names, files, strict=True)], source.limit])


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


def _samples(raw: Raw, specs: Mapping[str, InputSpec], subject: str, limit: int | None) -> Samples:
    arrays = raw.arrays
    check_names(arrays, specs, subject)
    arrays = in_bucket(arrays, specs, subject)
    inputs = {name: arrays[name] for name, spec in specs.items() if name in arrays and not spec.is_state}
    labels, groups = _integers(arrays.get("labels")), _integers(arrays.get("groups"))
    full = Samples(inputs, labels, groups, raw.notes)  # type: ignore[arg-type]
    check_counts(full, subject)
    return full if limit is None or limit >= len(full) else full.take(range(limit))


def _integers(array: Array | None) -> Array | None:
    """A column of integers as int64; anything else as it is, such as maps, or what a check refuses."""
    if array is None or array.dtype.kind not in "iub" or array.ndim > 2:
        return array
    return array.astype(np.int64)
