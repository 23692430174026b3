"""numpy and the names of its arrays, loaded on first use: what finds everything in the cache needs neither.

numpy is a quarter of the time of a build that has nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    import numpy.typing as npt
else:

    class _Numpy:
        def __getattr__(self, name: str) -> object:
            import numpy as np

            value = self.__dict__[name] = getattr(np, name)
            return value

    np = _Numpy()

__all__ = ["Array", "Booleans", "Floats", "Indices", "Integers", "Pixels", "Tensors", "np"]

Array: TypeAlias = "npt.NDArray[np.generic]"
Booleans: TypeAlias = "npt.NDArray[np.bool_]"
Floats: TypeAlias = "npt.NDArray[np.float64]"
Indices: TypeAlias = "npt.NDArray[np.intp]"
Integers: TypeAlias = "npt.NDArray[np.int64]"
Pixels: TypeAlias = "npt.NDArray[np.uint8]"
Tensors: TypeAlias = "Mapping[str, np.ndarray]"
"""Tensors of one sample by name, batch dimension included."""
