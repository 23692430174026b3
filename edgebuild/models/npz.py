"""``.npz`` files of samples: arrays of numbers or text by name, never pickles."""

from __future__ import annotations

import zipfile
from pathlib import Path

from edgebuild.core.array import Array, np
from edgebuild.core.errors import ConfigError

_KINDS = "file.py:callable, an .npz file, a folder of .npz, image or WAV files, or a .csv or .jsonl file"


def read_npz(path: Path) -> dict[str, Array]:
    """The arrays of one file by name.

    Raises:
        ConfigError: it is no such file, or holds pickles.
    """
    if path.suffix != ".npz":
        raise ConfigError(path.name, "not a kind of data source", expected=_KINDS)
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


def concatenate(parts: list[tuple[str, dict[str, Array]]]) -> dict[str, Array]:
    """The arrays of several files, by the files' names, as one.

    Raises:
        ConfigError: they hold different arrays, or samples of different shapes.
    """
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
