"""How values are declared where a node may import them: frozen, keyword-only, and readable by old Pythons."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

__all__ = ["frozen_dataclass"]

if TYPE_CHECKING:
    from typing import dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
    def frozen_dataclass(cls: type[T]) -> type[T]:
        """A frozen dataclass whose fields are given by name."""

elif sys.version_info >= (3, 10):
    frozen_dataclass = dataclass(frozen=True, kw_only=True)
else:  # the order of the fields is the only difference: those without a default come first
    frozen_dataclass = dataclass(frozen=True)
