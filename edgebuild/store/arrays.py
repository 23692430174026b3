"""Named arrays as one uncompressed file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from edgebuild.core.array import Array, np
from edgebuild.store.files import write_atomic


def save_arrays(place: Path, arrays: Mapping[str, Array]) -> None:
    """Write an .npz file, over an older one. Errors as for ``write_atomic``."""
    write_atomic(place, stored_npz(arrays))


def stored_npz(arrays: Mapping[str, Array]) -> bytes:
    """An .npz file: the same bytes for the same arrays in the same order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, value in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(value), allow_pickle=False)
    return buffer.getvalue()
