"""Formulas as requests bring them."""

from typing import Final

from fakebatch.autoscale.formula_syntax import Statement
from fakebatch.autoscale.parser import parse
from fakebatch.errors import BatchError, FormulaSyntaxError

LONGEST_FORMULA: Final = 8192
"""Bytes."""


def read_formula(formula: str) -> list[Statement]:
    """Return the statements of a formula.

    Raises BatchError(AutoScalingFormulaTooLong, AutoScalingFormulaSyntaxError).
    """
    if len(formula.encode()) > LONGEST_FORMULA:
        raise BatchError("AutoScalingFormulaTooLong", MaxSize=LONGEST_FORMULA)
    try:
        return parse(formula)
    except FormulaSyntaxError as error:
        raise BatchError("AutoScalingFormulaSyntaxError", Message=error) from error
