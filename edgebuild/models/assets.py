"""Files that the steps need and that a bundle carries: tokenizers, known by their digests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec, ModelSource
from edgebuild.core.reading import Tokenize
from edgebuild.core.signature import Signature, Step
from edgebuild.models.paths import given
from edgebuild.models.texts import Encoder, ReadFile
from edgebuild.store.files import read_bytes

_FOLDER = "preprocess"
_MOST_BYTES = 64 << 20


def with_assets(source: ModelSource, root: Path) -> ModelSource:
    """The model's source with every tokenizer's file under the name that it has in bundles, and its digest.

    Raises:
        ConfigError: a file is missing, too large, or not the one whose digest the project states.
    """
    if not any(isinstance(step, Tokenize) for spec in source.inputs.values() for step in spec.pre):
        return source
    inputs = {name: _with_assets(name, spec, root) for name, spec in source.inputs.items()}
    return source.model_copy(update={"inputs": inputs})


def check_assets(source: ModelSource, root: Path) -> None:
    """Refuse a file that is no tokenizer, or can't do what its step declares, while its name in the project is known.

    Raises:
        ConfigError: naming the input and the file.
    """
    for name, spec in source.inputs.items():
        subject = f"[model.inputs.{name}] pre"
        for step in spec.pre:
            if isinstance(step, Tokenize):
                Encoder(step, _read(root, step.tokenizer, subject), subject)


def project_files(source: ModelSource, root: Path) -> ReadFile:
    """Reads the files of a project's steps, by the names that they have in bundles or in the project."""

    def read(name: str) -> bytes:
        return by_name[name] if name in by_name else _read(root, name, name)

    by_name = asset_files(source.inputs, root)
    return read


def asset_files(inputs: Mapping[str, InputSpec], root: Path) -> dict[str, bytes]:
    """The files that the steps of a project need, by their names in bundles."""
    found: dict[str, bytes] = {}
    for name, spec in inputs.items():
        for step in spec.pre:
            if isinstance(step, Tokenize):
                data = _read(root, step.tokenizer, f"[model.inputs.{name}] pre")
                found[_bundle_name(digest_bytes(data))] = data
    return found


def shipped(signature: Signature, source: ModelSource, root: Path) -> dict[str, bytes]:
    """The files that go into a bundle with a signature.

    Raises:
        ConfigError: one has changed since the model was loaded.
    """
    wanted = {step.tokenizer: step.sha256 for step in signature.tokenizers}
    if not wanted:
        return {}
    there = asset_files(source.inputs, root)
    for name in wanted:
        if name not in there:
            raise ConfigError(name, "the tokenizer's file changed while the project was built", fix="build again")
    return {name: there[name] for name in wanted}


def _with_assets(name: str, spec: InputSpec, root: Path) -> InputSpec:
    subject = f"[model.inputs.{name}] pre"
    steps = tuple(_known(step, root, subject) for step in spec.pre)
    return spec.model_copy(update={"pre": steps, "pad": _pad(spec, root, subject)})


def _pad(spec: InputSpec, root: Path, subject: str) -> float:
    """What ends a text where the input has buckets: padding, by its number, or 0 for its marks."""
    step = next((step for step in spec.pre if isinstance(step, Tokenize)), None)
    if step is None or not spec.buckets:
        return spec.pad
    return Encoder(step, _read(root, step.tokenizer, subject), subject).fill


def _known(step: Step, root: Path, subject: str) -> Step:
    if not isinstance(step, Tokenize):
        return step
    digest = digest_bytes(_read(root, step.tokenizer, subject))
    if step.sha256 not in ("", digest):
        raise ConfigError(
            subject, f"{step.tokenizer} has the sha256 {digest}", expected=step.sha256, fix="restore the file"
        )
    return step.model_copy(update={"tokenizer": _bundle_name(digest), "sha256": digest})


def _bundle_name(digest: str) -> str:
    return f"{_FOLDER}/tokenizer-{digest[:12]}.json"


def _read(root: Path, text: str, subject: str) -> bytes:
    data = read_bytes(given(root, text, subject))
    if len(data) > _MOST_BYTES:
        raise ConfigError(subject, f"{Path(text).name} has {len(data)} bytes", expected=f"at most {_MOST_BYTES}")
    return data
