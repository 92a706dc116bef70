"""The decorator for value classes that nodes import: a frozen dataclass that also works in Python 3.8."""

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
        """Make a class a frozen dataclass whose fields are given by name."""

elif sys.version_info >= (3, 10):
    frozen_dataclass = dataclass(frozen=True, kw_only=True)
else:  # without kw_only, fields without a default must come first, and positions are not forbidden
    frozen_dataclass = dataclass(frozen=True)
