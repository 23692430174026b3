"""Running a bundle on samples: from a user's file through the bundle's own steps to answers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebuild.bench.bench import Bench
from edgebuild.bench.given import in_steps
from edgebuild.by_bucket import joined, shares
from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Signature
from edgebuild.devices.opening import open_device
from edgebuild.models.gather import Raw
from edgebuild.models.notes import Notes
from edgebuild.models.raw_files import KINDS, is_raw, read_raw
from edgebuild.models.samples import Samples, in_rows, input_specs, prepare_input, stand_in
from edgebuild.models.sequences import in_time
from edgebuild.models.texts import with_tokens
from edgebuild.sampling import model_files
from edgebuild.steps.postprocess import post_of
from edgebuild.steps.preprocess import apply_steps
from edgebuild.store.arrays import save_arrays
from edgebuild.store.bundle import Bundle
from edgebuild.store.catalog import find_target
from edgebuild.store.files import missing, read_bytes
from edgebuild.trial import choose


@dataclass(frozen=True)
class Ran:
    """What ``run_samples`` gave.

    Attributes:
        outputs: by name, after ``post``: (N, …), of a model with state (N, T, …), its states among them.
        post_seconds: what ``post`` took for one sample on this machine; None: no such steps.
    """

    outputs: dict[str, Array]
    post_seconds: float | None = None


def run_samples(
    bundle: Bundle | Sequence[Bundle], source: Path, dest: Path | None, device: str | None, precision: str | None,
    root: Path, say: Callable[[str], None] = lambda _: None,
) -> Ran:  # fmt: skip
    """Run samples through ``pre``, the model and ``post``; a missing input that may be is replaced as declared.

    Args:
        bundle: or several, of the buckets of one model: each sample goes to the smallest that holds it.
        source: an ``.npz`` file of samples by input, or a file that the first steps read.
        dest: an ``.npz`` file for the outputs.
        say: is told what happened to samples while they were read.
    """
    bundles = [bundle] if isinstance(bundle, Bundle) else list(bundle)
    signatures = [_signature(each, precision) for each in bundles]
    given = _raw(source, bundles[0], signatures[0])
    for note in given.notes:
        say(f"{source.name}: {note}")
    if len(bundles) > 1 or any(spec.buckets for spec in signatures[0].inputs):
        ran = _run_in_buckets(bundles, signatures, given, source, device, precision, root)
    else:
        ran = _run(bundles[0], given.arrays, source, device, precision, root)
    if dest is not None:
        save_arrays(dest, ran.outputs)
    return ran


def _signature(bundle: Bundle, precision: str | None) -> Signature:
    part, variant = choose(bundle, None, precision)
    return variant.signature or part.signature


def _run_in_buckets(
    bundles: Sequence[Bundle], signatures: Sequence[Signature], given: Raw, source: Path, device: str | None,
    precision: str | None, root: Path,
) -> Ran:  # fmt: skip
    divided = shares(signatures, given.arrays, given.places, source.name)
    made = [_run(bundles[share.bundle], share.arrays, source, device, precision, root) for share in divided]
    seconds = [ran.post_seconds for ran in made if ran.post_seconds is not None]
    outputs = joined([(share.rows, ran.outputs) for share, ran in zip(divided, made, strict=True)])
    return Ran(outputs, max(seconds) if seconds else None)


def _run(
    bundle: Bundle, given: dict[str, Array], source: Path, device: str | None, precision: str | None, root: Path
) -> Ran:
    part, variant = choose(bundle, None, precision)
    target, signature = find_target(bundle.manifest.target, root), variant.signature or part.signature
    inputs, steps = _inputs(given, signature, source)
    names = tuple(spec.name for spec in signature.outputs)
    with Bench(open_device(target, device), bundle.manifest.lineage.tools) as bench:
        files, options = model_files(bundle, variant), target.options_for(variant)
        found = bench.infer(part.runtime, files, in_steps(signature, inputs, steps), options, names)
    meant = [apply_steps(v, signature.post.get(n, ())) for n, v in zip(names, found, strict=True)]
    post = post_of(signature)
    outputs = post.answers(meant) | {n: v for n, v in zip(names, meant, strict=True) if n not in post.names}
    outputs = {name: in_time(value, steps) for name, value in outputs.items()} if steps else outputs
    return Ran(outputs, post.seconds(post.chosen(meant)))


def _inputs(given: dict[str, Array], signature: Signature, source: Path) -> tuple[dict[str, Array], int | None]:
    """What the model takes by input, a call a row, and of how many steps each sequence is."""
    specs = {name: spec for name, spec in input_specs(signature).items() if not spec.is_state}
    lacking = [name for name, spec in specs.items() if name not in given and spec.absent is None]
    there = {name: given[name] for name in specs if name in given}
    if lacking or not there:
        raise ConfigError(str(source), f"has no {', '.join(lacking or specs)}", expected=", ".join(specs))
    rows, steps = _in_rows(there, signature, source)
    count = len(next(iter(rows.values())))
    return {name: _prepared(name, rows.get(name), spec, count) for name, spec in specs.items()}, steps


def _prepared(name: str, rows: Array | None, spec: InputSpec, count: int) -> Array:
    return stand_in(spec, count) if rows is None else prepare_input(name, rows, spec)


def _raw(source: Path, bundle: Bundle, signature: Signature) -> Raw:
    """A file's samples by input, before the steps on arrays; tokenizers are the bundle's."""
    specs, notes = input_specs(signature), Notes()
    if not is_raw(source):
        return Raw(with_tokens(_samples(source), specs, bundle.read, notes, source.name), notes.lines())
    if not source.exists():
        raise ConfigError(str(source), missing(source))
    return read_raw(source, specs, bundle.read)


def _in_rows(given: dict[str, Array], signature: Signature, source: Path) -> tuple[dict[str, Array], int | None]:
    """Sequences of a model with state as rows, and of how many steps each is; other samples as they are."""
    if not signature.fed:
        return given, None
    ranks = {spec.name: len(spec.shape) for spec in signature.inputs if not signature.pre.get(spec.name)}
    steps = {
        name: array.shape[1] if array.ndim > 1 and array.ndim == 1 + ranks.get(name, array.ndim - 1) else 0
        for name, array in given.items()
    }
    if len(set(steps.values())) != 1 or 0 in steps.values():
        listed = ", ".join(f"{name}: {list(array.shape)}" for name, array in given.items())
        raise ConfigError(
            str(source), f"holds {listed}", expected="sequences [N, T, …] of a model with state, of equally many steps"
        )
    samples = Samples(given)
    return in_rows(samples, input_specs(signature)), next(iter(steps.values()))


def _samples(source: Path) -> dict[str, Array]:
    data = io.BytesIO(read_bytes(source))
    if source.suffix != ".npz" and not zipfile.is_zipfile(data):
        raise ConfigError(str(source), "is no kind of input known here", expected=f"{KINDS} or .npz")
    data.seek(0)
    try:
        with np.load(data, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ConfigError(
            str(source), f"can't be read: {error}", expected="an .npz file of arrays by input name"
        ) from error
