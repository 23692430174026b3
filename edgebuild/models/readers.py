"""How each input of a model is read from a row, as its first steps declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource, InputSpec
from edgebuild.core.reading import ReadAudio, ReadColumns, ReadImage, ReadingStep, Resize, Tokenize
from edgebuild.core.signature import Role
from edgebuild.models import images, sounds
from edgebuild.models.notes import Notes
from edgebuild.models.rows import Row
from edgebuild.models.texts import Encoder, Encoders, ReadFile, count

Kind = Literal["image", "audio", "text", "columns"]
SUFFIXES: Mapping[Kind, tuple[str, ...]] = {"image": images.SUFFIXES, "audio": sounds.SUFFIXES}


@dataclass(frozen=True)
class Reader:
    """Reads one input.

    Attributes:
        column: that it reads; the first of several.
        read: a row to one sample; a ConfigError says what is wrong with it.
        fix: what makes samples of different shapes equal.
    """

    kind: Kind
    column: str
    read: Callable[[Row], Array]
    fix: str = ""


def readers_for(
    specs: Mapping[str, InputSpec], source: DataSource, read_file: ReadFile, notes: Notes, subject: str
) -> dict[str, Reader]:
    """A reader for each input of data.

    Args:
        read_file: gives the tokenizers' files.
        notes: is told what the readers do to samples.
        subject: as messages name the data.

    Raises:
        ConfigError: an input declares no step that reads, or a tokenizer's file is none.
    """
    tokenizers = Encoders(read_file)
    found = {n: _reader(n, spec, source, tokenizers, notes) for n, spec in specs.items() if spec.role is Role.DATA}
    if not found:
        raise ConfigError(subject, "the model has no input that data is read for")
    return found


def _reader(name: str, spec: InputSpec, source: DataSource, tokenizers: Encoders, notes: Notes) -> Reader:
    for step in spec.pre:
        if isinstance(step, ReadImage | Resize):
            return _image_reader(spec)
        if isinstance(step, ReadAudio):
            return _sound_reader(step, source, notes)
        if isinstance(step, Tokenize):
            return _text_reader(step, tokenizers(step, f"[model.inputs.{name}] pre"), notes)
        if isinstance(step, ReadColumns):
            return _number_reader(step)
    raise ConfigError(
        f"[model.inputs.{name}] pre",
        "declares no step that reads this input from a file",
        expected="image, audio, tokenize or columns, as the first step",
        fix='for numbers: pre = [{ op = "columns", names = ["…"] }]',
    )


def folder_readers(specs: Mapping[str, InputSpec], source: DataSource, notes: Notes, subject: str) -> dict[str, Reader]:
    """Readers of files in a folder, or of one file: images, where the model's only input declares no step that reads.

    Raises:
        ConfigError: as ``readers_for``, or what the model takes is no files.
    """
    if len(specs) == 1 and not any(isinstance(step, ReadingStep) for spec in specs.values() for step in spec.pre):
        ((name, spec),) = specs.items()
        return {name: _image_reader(spec)}
    kinds = {"a text": Tokenize, "numbers": ReadColumns}
    for name, spec in specs.items():
        for what, kind in kinds.items():
            if any(isinstance(step, kind) for step in spec.pre):
                raise ConfigError(
                    subject, f"input {name!r} is {what}, not a file", expected="a .csv or .jsonl file, or .npz files"
                )
    return readers_for(specs, source, _no_file, notes, subject)


def one_kind(readers: Mapping[str, Reader], subject: str) -> tuple[Kind, str]:
    """The kind and column that all inputs are read from.

    Raises:
        ConfigError: there are several.
    """
    found = {(reader.kind, reader.column) for reader in readers.values()}
    if len(found) > 1:
        raise ConfigError(
            subject,
            f"one file a sample feeds one input; the model has {len(readers)} ({', '.join(readers)})",
            expected="a .csv or .jsonl file whose rows name a file for each",
            fix="or give a callable that returns an array for each input",
        )
    return found.pop()


def file_columns(specs: Mapping[str, InputSpec]) -> set[str]:
    """The columns whose cells name files."""
    found = {step.column for spec in specs.values() for step in spec.pre if isinstance(step, ReadImage | ReadAudio)}
    resized = [spec for spec in specs.values() if any(isinstance(step, Resize) for step in spec.pre)]
    bare = [spec for spec in resized if not any(isinstance(step, ReadImage) for step in spec.pre)]
    return found | ({ReadImage().column} if bare else set())


def _no_file(name: str) -> bytes:
    raise ConfigError(name, "is not needed to read files of this kind")


def _image_reader(spec: InputSpec) -> Reader:
    step = next((step for step in spec.pre if isinstance(step, ReadImage)), ReadImage())
    resize = next((step for step in spec.pre if isinstance(step, Resize)), None)

    def read(row: Row) -> Array:
        return images.read_image(*row.file(step.column), step, resize)

    return Reader("image", step.column, read, 'add the pre step { op = "resize", shorter = …, crop = […, …] }')


def _sound_reader(step: ReadAudio, source: DataSource, notes: Notes) -> Reader:
    def read(row: Row) -> Array:
        path, where = row.file(step.column)
        return sounds.read_sound(path, step, where, source.max_clipped, notes)

    return Reader("audio", step.column, read, "add length = … to the audio step")


def _text_reader(step: Tokenize, encoder: Encoder, notes: Notes) -> Reader:
    def read(row: Row) -> Array:
        encoded = encoder.encode(row.text(step.column), row.text(step.pair) if step.pair else "")
        if step.output == "ids":
            count(encoded, step, notes, row.where)
        return encoded.outputs[step.output]

    return Reader("text", step.column, read)


def _number_reader(step: ReadColumns) -> Reader:
    whole = step.dtype.startswith("int")
    largest = float(np.iinfo(step.dtype).max if whole else np.finfo(step.dtype).max)

    def read(row: Row) -> Array:
        values = [row.number(name, whole=whole) for name in step.names]
        large = [value for value in values if not -largest <= value <= largest]
        if large:
            raise ConfigError(row.where, f"{large[0]:g} does not fit {step.dtype}", fix="repair or take out the row")
        return np.asarray(values, step.dtype)

    return Reader("columns", step.names[0], read)
