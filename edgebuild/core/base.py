"""The one base of every frozen value that is written to a file or sent over a wire."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Any

from pydantic import BaseModel, ConfigDict

_COMPLETING = RLock()


class Frozen(BaseModel):
    """An immutable value: unknown fields are refused, NaN and infinity too."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), defer_build=True
    )

    def canonical_json(self) -> bytes:
        """UTF-8 JSON with sorted keys and no spaces: equal values give equal bytes."""
        import json

        value = self.model_dump(mode="json")
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def model_rebuild(
        cls, *, force: bool = False, raise_errors: bool = True, _parent_namespace_depth: int = 2,
        _types_namespace: Mapping[str, Any] | None = None,
    ) -> bool | None:  # fmt: skip
        """Complete the class, which is put off until it is used; one thread after the other.

        pydantic's own takes away what another thread has just made, and until it is there again the base class's
        validator, which knows no fields, stands in.
        """
        with _COMPLETING:
            return super().model_rebuild(
                force=force, raise_errors=raise_errors, _parent_namespace_depth=_parent_namespace_depth + 1,
                _types_namespace=_types_namespace,
            )  # fmt: skip
