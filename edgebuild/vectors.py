"""What a bundle is run on: its golden vectors, noise for timing, and samples before their steps."""

from __future__ import annotations

import io

from edgebuild.bench.given import Raw, Steps, around_of, states_of
from edgebuild.core.array import Array, np
from edgebuild.core.artifact import Part
from edgebuild.core.errors import BundleError, ConfigError
from edgebuild.core.signature import Signature
from edgebuild.steps.preprocess import reads
from edgebuild.store.bundle import Bundle

_ROWS = 8
_STEPS = 256
"""After so many steps of a model with state a new sequence begins, lest noise drive the state anywhere."""


def golden_vectors(bundle: Bundle, part: Part) -> dict[str, Array]:
    """The arrays of a part's golden file by name; of the bundle's where it has none of its own.

    Raises:
        BundleError: it is no file of arrays.
    """
    try:
        with np.load(io.BytesIO(bundle.read((part.golden or bundle.manifest.golden).file)), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError) as error:
        raise BundleError(str(bundle.path), f"golden vectors can't be read: {error}") from error


def timing_inputs(signature: Signature) -> dict[str, Array] | Steps:
    """A few samples of noise from a fixed seed: what is timed does not depend on the user's data.

    Of a model with state they are steps: it begins with zeros, and from then on it is what the model gave before.
    """
    return _stepped(_noise(signature), signature)


def raw_inputs(bundle: Bundle, part: Part, signature: Signature) -> Raw:
    """Samples as they were read, and the steps around the model; of an input without steps, noise as for any timing.

    Raises:
        ConfigError: the bundle holds none. BundleError: they can't be read.
    """
    made, vectors = _noise(signature), golden_vectors(bundle, part)
    if lacking := _lacking(part.signature, vectors):
        raise ConfigError(
            "end_to_end", f"{bundle.path.name} holds no samples from before the steps of input {lacking[0]}",
            fix="build it again: they are stored since there is this metric",
        )  # fmt: skip
    for name in made:
        if (raw := vectors.get(f"raw/{name}")) is not None:
            made[name] = np.resize(raw, (_ROWS, *raw.shape[1:]))
    return Raw(_stepped(made, signature), around_of(signature))


def holds_raw(bundle: Bundle, part: Part) -> bool:
    """Whether a bundle holds what ``raw_inputs`` gives."""
    return not _lacking(part.signature, golden_vectors(bundle, part))


def _lacking(signature: Signature, vectors: dict[str, Array]) -> list[str]:
    steps = {name: steps for name, steps in signature.pre.items() if not all(map(reads, steps))}
    return [name for name in steps if f"raw/{name}" not in vectors]


def _noise(signature: Signature) -> dict[str, Array]:
    noise = np.random.default_rng(0)
    made: dict[str, Array] = {}
    for spec in (spec for spec in signature.inputs if spec.fed_by is None):
        shape = (_ROWS, *spec.shape[1:])
        if np.dtype(spec.dtype).kind == "f":
            made[spec.name] = noise.standard_normal(shape).astype(spec.dtype)
        else:
            made[spec.name] = noise.integers(0, 2, shape).astype(spec.dtype)
    return made


def _stepped(inputs: dict[str, Array], signature: Signature) -> dict[str, Array] | Steps:
    return Steps(inputs, states_of(signature), _STEPS) if signature.fed else inputs
