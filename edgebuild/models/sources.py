"""Where samples come from: the user's callable, .npz files, or a folder of images."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource, InputSpec
from edgebuild.models.entry import call_entry, is_entry
from edgebuild.models.images import image_files, read_images, read_labels
from edgebuild.models.paths import given
from edgebuild.store.cache import Cache


def read_source(
    source: DataSource, specs: Mapping[str, InputSpec], root: Path, cache: Cache, subject: str
) -> dict[str, Array]:
    """The arrays of a data source by name, not yet checked.

    Raises:
        ConfigError: the source is missing, unreadable, or no kind of data source. BuildError: the callable failed.
    """
    if is_entry(source.source):
        result = call_entry(source.source, root, pure=source.pure, input_files=source.input_files, cache=cache)
        return _arrays(result, f"{subject} {source.source}")
    path = given(root, source.source, subject)
    if path.is_dir() and not list(path.glob("*.npz")):
        return _read_image_folder(source, path, specs, root, subject)
    _refuse_labels(source, subject)
    if path.is_dir():
        return _concatenate([(file.name, _read_npz(file)) for file in sorted(path.glob("*.npz"))])
    return _read_npz(path)


def _read_image_folder(
    source: DataSource, folder: Path, specs: Mapping[str, InputSpec], root: Path, subject: str
) -> dict[str, Array]:
    files = image_files(folder)
    if not files:
        raise ConfigError(
            subject, f"empty: {source.source} holds neither .npz files nor images", fix="check the folder's name"
        )
    if len(specs) != 1:
        raise ConfigError(
            subject,
            f"a folder of images feeds one input; the model has {len(specs)} ({', '.join(specs)})",
            fix="give a callable that returns an array for each input",
        )
    labels = read_labels(given(root, source.labels, f"{subject} labels"), files) if source.labels else None
    ((name, spec),) = specs.items()
    arrays: dict[str, Array] = {name: read_images(files[: source.limit], spec)}
    return arrays if labels is None else arrays | {"labels": labels[: source.limit]}


def _refuse_labels(source: DataSource, subject: str) -> None:
    if source.labels:
        raise ConfigError(
            f"{subject} labels",
            "a CSV of labels is for folders of images only",
            fix="store the array `labels` in the .npz",
        )


def _read_npz(path: Path) -> dict[str, Array]:
    if path.suffix != ".npz":
        raise ConfigError(
            path.name,
            "not a kind of data source",
            expected="file.py:callable, an .npz file, a folder of .npz or images",
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            return {name: _member(data[name], name) for name in data.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, AttributeError, TypeError) as error:
        if "allow_pickle" in str(error) or "ickle" in str(error):
            raise ConfigError(
                path.name,
                "holds pickled objects (an array of dtype object), which are never loaded",
                expected="arrays of numbers",
                fix="save arrays of one dtype, for example numpy.savez(path, x=x.astype('float32'))",
            ) from error
        raise ConfigError(path.name, f"not a readable .npz file ({error})", fix="write it again") from error


def _member(value: object, name: str) -> Array:
    """One member; numpy gives the bytes of what is no array."""
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{name} is no array")  # as numpy says of damaged ones
    return value


def _concatenate(parts: list[tuple[str, dict[str, Array]]]) -> dict[str, Array]:
    first_name, first = parts[0]
    for name, arrays in parts:
        if set(arrays) != set(first):
            raise ConfigError(
                name,
                f"holds {', '.join(sorted(arrays))}; {first_name} holds {', '.join(sorted(first))}",
                expected="the same arrays in every file",
            )
        for key, array in arrays.items():
            if array.ndim == 0 or array.shape[1:] != first[key].shape[1:]:
                raise ConfigError(
                    name,
                    f"{key} has shape {list(array.shape)}; in {first_name} it has {list(first[key].shape)}",
                    expected="shapes that differ in the first axis only, which counts samples",
                )
    return {key: np.concatenate([arrays[key] for _, arrays in parts]) for key in first}


def _arrays(result: object, subject: str) -> dict[str, Array]:
    if not isinstance(result, Mapping):
        raise ConfigError(
            subject,
            f"returned {type(result).__name__}",
            expected="a dict of arrays by input name, with labels and groups if there are some",
            fix='return {"x": images, "labels": labels}',
        )
    return {str(name): _array(str(name), value, subject) for name, value in result.items()}


def _array(name: str, value: object, subject: str) -> Array:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if not isinstance(value, np.ndarray):
        raise ConfigError(
            subject,
            f"{name} is {type(value).__name__}",
            expected="a numpy array",
            fix="use numpy.stack or numpy.asarray",
        )
    return value
