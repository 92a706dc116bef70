"""How values are declared where a node may import them: frozen, keyword-only, and readable by old Pythons."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

__all__ = ["value"]

if TYPE_CHECKING:
    from typing import dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
    def value(cls: type[T]) -> type[T]:
        """A frozen dataclass whose fields are given by name."""

elif sys.version_info >= (3, 10):
    value = dataclass(frozen=True, kw_only=True)
else:  # the order of the fields is the only difference: those without a default come first
    value = dataclass(frozen=True)
