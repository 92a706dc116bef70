"""What can be wrong with a formula.

FormulaError                the place in the text, and what is wrong there
├── FormulaSyntaxError      the text is no formula: refused before it is evaluated
└── EvaluationError         it cannot be evaluated
    └── SampleError         because there are too few samples
"""


class FormulaError(Exception):
    """A formula that has no value; `line` and `column` count from 1."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(f"Line {line}, Col {column}: {reason}")


class FormulaSyntaxError(FormulaError):
    """A text that is no formula."""


class EvaluationError(FormulaError):
    """A formula that cannot be evaluated."""

    code = "AutoScalingFormulaEvaluationError"
    message = "The formula could not be evaluated"


class SampleError(EvaluationError):
    """A formula that asks for more samples than there are."""

    code = "InsufficientSampleData"
    message = "Autoscale evaluation failed due to insufficient sample data"
