"""The evaluation of an autoscale formula for a pool."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fakebatch.autoscale import formula_functions, formula_operators, sample_methods
from fakebatch.autoscale.formula_syntax import (
    Binary,
    Choice,
    Expression,
    FunctionCall,
    List,
    Member,
    MethodCall,
    Name,
    Number,
    Position,
    Statement,
    Text,
    Unary,
)
from fakebatch.autoscale.formula_values import (
    CONSTANTS,
    DEALLOCATION_OPTIONS,
    Metric,
    Timestamp,
    Value,
    member,
    show,
)
from fakebatch.errors import EvaluationError, FormulaStopped, InsufficientSampleDataError, TooFewSamplesError
from fakebatch.wire import timestamps

DEDICATED: Final = "$TargetDedicatedNodes"
LOW_PRIORITY: Final = "$TargetLowPriorityNodes"
DEALLOCATION: Final = "$NodeDeallocationOption"
_ALIASES: Final = {"$TargetDedicated": DEDICATED, "$TargetLowPriority": LOW_PRIORITY}
_MOST_NODES: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationContext:
    """The values that a formula can read.

    `now` is the time in ticks. `dedicated` and `low_priority` are the targets of the pool. `metrics` are its
    variables with samples and `constants` those without. `source` generates the random numbers.
    """

    now: int
    dedicated: int
    low_priority: int
    metrics: Mapping[str, Metric]
    constants: Mapping[str, float] = field(default_factory=dict)
    source: random.Random = field(default_factory=random.Random)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The result of an evaluation.

    `dedicated`, `low_priority` and `deallocation` are the settings for the pool. `results` lists all
    variables as text. `error` is None if the evaluation succeeded.
    """

    at: int
    dedicated: int
    low_priority: int
    deallocation: str
    results: str
    error: EvaluationError | None = None

    def view(self) -> dict[str, Any]:
        """Return the JSON of the `autoScaleRun` property."""
        # Azure Batch shows this time in milliseconds.
        view: dict[str, Any] = {
            "timestamp": timestamps.to_iso(self.at // 10_000 * 10_000),
            "results": self.results,
        }
        if self.error is not None:
            values = [{"name": "Message", "value": str(self.error)}]
            view["error"] = {"code": self.error.code, "message": self.error.message, "values": values}
        return view


def evaluate(statements: list[Statement], context: EvaluationContext) -> Evaluation:
    """Evaluate a formula. If it fails, the result has the pool's present targets and the error."""
    run = _Run(context)
    error: EvaluationError | None = None
    try:
        run.execute(statements)
        targets = run.targets()
    except EvaluationError as failure:
        error = failure
        targets = (context.dedicated, context.low_priority, "requeue")
    dedicated, low_priority, deallocation = targets
    shown = {DEDICATED: str(dedicated), LOW_PRIORITY: str(low_priority), DEALLOCATION: deallocation}
    shown |= {name: show(value) for name, value in sorted(run.variables.items())}
    return Evaluation(
        at=context.now,
        dedicated=dedicated,
        low_priority=low_priority,
        deallocation=deallocation,
        results=";".join(f"{name}={value}" for name, value in shown.items()),
        error=error,
    )


class _Run:
    """One evaluation.

    `variables` holds the user's variables by the names under which they were first assigned.
    """

    def __init__(self, context: EvaluationContext) -> None:
        self.variables: dict[str, Value] = {}
        self._context = context
        self._function_context = formula_functions.FunctionContext(context.now, context.source)
        self._settings: dict[str, tuple[Value, Position]] = {}
        # `$name` and `name` are the same variable.
        self._names: dict[str, str] = {}

    def execute(self, statements: list[Statement]) -> None:
        try:
            for statement in statements:
                value = self._value(statement.expression)
                if statement.target is not None:
                    self._assign(statement.position, statement.target, value)
        except FormulaStopped:
            pass

    def targets(self) -> tuple[int, int, str]:
        return (
            self._nodes(DEDICATED, self._context.dedicated),
            self._nodes(LOW_PRIORITY, self._context.low_priority),
            self._deallocation(),
        )

    def _setting(self, name: str) -> tuple[Value, Position] | None:
        alias = next((alias for alias, meant in _ALIASES.items() if meant == name), name)
        return self._settings.get(name) or self._settings.get(alias)

    def _nodes(self, name: str, unset: int) -> int:
        setting = self._setting(name)
        if setting is None:
            return unset
        value, position = setting
        if not isinstance(value, float) or not math.isfinite(value) or value > _MOST_NODES:
            raise _error(position, f"The value of {name} is not a number of nodes")
        return max(int(value), 0)

    def _deallocation(self) -> str:
        setting = self._setting(DEALLOCATION)
        if setting is None:
            return "requeue"
        value, position = setting
        if not isinstance(value, str) or value not in DEALLOCATION_OPTIONS:
            raise _error(
                position, f"The value of {DEALLOCATION} is none of {', '.join(DEALLOCATION_OPTIONS)}"
            )
        return value

    def _assign(self, position: Position, name: str, value: Value) -> None:
        if name in (DEDICATED, LOW_PRIORITY, DEALLOCATION) or name in _ALIASES:
            self._settings[name] = (value, position)
        elif name in self._context.metrics or name in self._context.constants or name in CONSTANTS:
            raise _error(position, f"{name} cannot be assigned to")
        else:
            self.variables[self._names.setdefault(name.lstrip("$"), name)] = value

    def _value(self, expression: Expression) -> Value:
        """Return the value of an expression. The value of a metric is its current value."""
        value = self._evaluate(expression)
        if not isinstance(value, Metric):
            return value
        if value.current is None:
            position = expression.position
            raise InsufficientSampleDataError(
                f"There is no data for {value.name}", position.line, position.column
            )
        return value.current

    def _evaluate(self, expression: Expression) -> Value:
        try:
            return self._of(expression)
        except TooFewSamplesError as error:
            raise InsufficientSampleDataError(
                str(error), expression.position.line, expression.position.column
            ) from error
        except (LookupError, TypeError, ValueError) as error:
            raise _error(expression.position, str(error)) from error

    def _of(self, expression: Expression) -> Value:
        match expression:
            case Number(_, value):
                return value
            case Text(_, text):
                return text
            case List(_, items):
                return self._function("vec", items)
            case Name(position, name):
                return self._variable(position, name)
            case Unary(_, sign, operand):
                return formula_operators.unary(sign, self._value(operand))
            case Binary(_, ("&&" | "||") as sign, left, right):
                return self._logical(sign, left, right)
            case Binary(_, sign, left, right):
                return formula_operators.binary(sign, self._value(left), self._value(right))
            case Choice(_, condition, then, otherwise):
                return self._value(then if self._truth(condition) else otherwise)
            case FunctionCall(_, function, arguments):
                return self._function(function, arguments)
            case Member(position, subject, name):
                return self._member(position, self._value(subject), name)
            case MethodCall(position, subject, method, arguments):
                return self._method(position, self._evaluate(subject), method, arguments)

    def _variable(self, position: Position, name: str) -> Value:
        if name in (DEDICATED, LOW_PRIORITY, DEALLOCATION) or name in _ALIASES:
            return self._current_setting(_ALIASES.get(name, name))
        for known in (self._context.metrics, self._context.constants, CONSTANTS):
            if name in known:
                return known[name]
        written = self._names.get(name.lstrip("$"))
        if written is None:
            raise _error(position, f"Unknown identifier '{name}'")
        return self.variables[written]

    def _current_setting(self, name: str) -> Value:
        if setting := self._setting(name):
            return setting[0]
        unset: dict[str, Value] = {
            DEDICATED: float(self._context.dedicated),
            LOW_PRIORITY: float(self._context.low_priority),
            DEALLOCATION: "requeue",
        }
        return unset[name]

    def _truth(self, expression: Expression) -> bool:
        value = self._value(expression)
        if not isinstance(value, float):
            raise _error(expression.position, "A condition must be a double")
        return value != 0

    def _logical(self, sign: str, left: Expression, right: Expression) -> float:
        first = self._truth(left)
        decided = first if sign == "||" else not first
        return float(first if decided else self._truth(right))

    def _function(self, name: str, arguments: tuple[Expression, ...]) -> Value:
        return formula_functions.call_function(
            name, [self._value(argument) for argument in arguments], self._function_context
        )

    def _member(self, position: Position, subject: Value, name: str) -> Value:
        value = member(subject, name) if isinstance(subject, Timestamp) else None
        if value is None:
            raise _error(position, f"Unknown member '{name}'")
        return value

    def _method(
        self, position: Position, subject: Value, name: str, arguments: tuple[Expression, ...]
    ) -> Value:
        if not isinstance(subject, Metric):
            raise _error(position, f"Unknown method '{name}'")
        values = [self._value(argument) for argument in arguments]
        return sample_methods.call_method(subject, name, values, self._context.now)


def _error(position: Position, reason: str) -> EvaluationError:
    return EvaluationError(reason, position.line, position.column)
