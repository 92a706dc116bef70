"""The language of autoscale formulas."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakebatch.autoscale.evaluation import Evaluation, EvaluationContext, evaluate
from fakebatch.autoscale.formula_values import PERIOD, Metric
from fakebatch.autoscale.parser import parse
from fakebatch.errors import EvaluationError, FormulaSyntaxError, InsufficientSampleDataError
from fakebatch.wire import timestamps

# A Sunday.
_NOW = timestamps.from_iso("2026-03-01T13:14:15.5Z")


def _metric(name: str, *values: float, missing: int = 0) -> Metric:
    """Return a metric with its newest sample taken `missing` periods ago."""
    newest = _NOW - missing * PERIOD
    samples = [(newest - age * PERIOD, float(value)) for age, value in enumerate(reversed(values))]
    return Metric(name=name, samples=samples[::-1], current=float(values[-1]))


def _run(formula: str, *metrics: Metric) -> Evaluation:
    situation = EvaluationContext(
        now=_NOW,
        dedicated=2,
        low_priority=1,
        metrics={metric.name: metric for metric in metrics},
        constants={"$TaskSlotsPerNode": 4.0},
        source=random.Random(1),
    )
    return evaluate(parse(formula), situation)


def _value(expression: str, *metrics: Metric) -> str:
    """Return the value of an expression as the results show it."""
    run = _run(f"x = {expression}", *metrics)
    assert run.error is None, run.error
    return run.results.rpartition(";x=")[2]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 4 - 3", "3"),
        ("16 / 4 / 2", "2"),
        ("-2 * -3", "6"),
        ("- - 1", "1"),
        ("!0 + !5", "1"),
        ("1 / 3", "0.333333"),
        (".5 + 1.", "1.5"),
        ("1e3", "1000"),
        ("2000000", "2e+06"),
        ("1 / 0", "inf"),
        ("-1 / 0", "-inf"),
        ("3 > 2 > 1", "0"),
        ("1 < 2 == 1", "1"),
        ("1 || 0 && 0", "1"),
        ("2 && 3", "1"),
        ("0 || 0", "0"),
        ("1 != 1", "0"),
        ('"a" < "b"', "1"),
        ("0 ? 1 : 0 ? 2 : 3", "3"),
        ("1 ? 2 : 1 / 0", "2"),
        ("2 > 1 ? 5 : 6", "5"),
        ("[1, 2, 3]", "[1,2,3]"),
        ("[1, 2] * 2", "[2,4]"),
        ("[1, 2] + [10, 20]", "[11,22]"),
        ("[]", "[]"),
    ],
)
def test_operators_have_their_precedence_and_types(expression: str, value: str) -> None:
    assert _value(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("TimeInterval_Minute * 90", "01:30:00"),
        ("2 * TimeInterval_Day", "2.00:00:00"),
        ("-TimeInterval_Second", "-00:00:01"),
        ("TimeInterval_Week - TimeInterval_Day", "6.00:00:00"),
        ("TimeInterval_Hour / 2 == 30 * TimeInterval_Minute", "1"),
        ("TimeInterval_Millisecond == 1000 * TimeInterval_Microsecond", "1"),
        ("10 * TimeInterval_100ns == TimeInterval_Microsecond", "1"),
        ("TimeInterval_Year / 365 == TimeInterval_Day + TimeInterval_Zero", "1"),
        ("time()", "2026-03-01T13:14:15.5Z"),
        ("time() + TimeInterval_Hour", "2026-03-01T14:14:15.5Z"),
        ('time() - time("2026-03-01T12:14:15.5Z")', "01:00:00"),
        ('time("2026-03-02") > time()', "1"),
        ('time("Mon, 02 Mar 2026 10:00:00 GMT").hour', "10"),
        ("time().year", "2026"),
        ("time().month", "3"),
        ("time().day", "1"),
        ("time().weekday", "0"),
        ('time("2026-03-02").weekday', "1"),
        ("time().hour * 10000 + time().minute * 100 + time().second", "131415"),
    ],
)
def test_times_and_intervals_are_calculated_with(expression: str, value: str) -> None:
    assert _value(expression) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("avg(1, 2, [3, 6])", "3"),
        ("len([1, 2], 3)", "3"),
        ("len()", "0"),
        ("max(1, [5, 2])", "5"),
        ("min(4, 3)", "3"),
        ("range(2, 9, 4)", "7"),
        ("sum(1, 2, 3)", "6"),
        ("norm(3, 4)", "5"),
        ("std(2, 4, 4, 4, 5, 5, 7, 9)", "2.13809"),
        ("lg(8)", "3"),
        ("ln(1)", "0"),
        ("log(1000)", "3"),
        ("lg([2, 4])", "[1,2]"),
        ("log(vec(10))", "[1]"),
        ("log(0)", "-inf"),
        ("ceil(1.2) + floor(1.8) + round(2.5)", "6"),
        ("round([0.4, -1.5])", "[0,-2]"),
        ("percentile([1, 2, 3, 4], 50)", "2"),
        ("percentile([4, 1], 100)", "4"),
        ("val([7, 8], 1)", "8"),
        ("rand() >= 0 && rand() < 1", "1"),
    ],
)
def test_functions_have_the_documented_values(expression: str, value: str) -> None:
    assert _value(expression) == value


@pytest.mark.parametrize(
    "formula",
    [
        "1 +",
        "x = ",
        "(1",
        "x = 1 y = 2",
        "1 ? 2",
        "#",
        '"open',
        "a..b",
        "f(1,)",
        "x = = 1",
        "[1",
        "?",
        "(" * 200,
    ],
)
def test_what_is_no_formula_is_told_with_its_place(formula: str) -> None:
    with pytest.raises(FormulaSyntaxError, match=r"^Line 1, Col \d+: "):
        parse(formula)


def test_a_formula_has_at_most_a_hundred_statements() -> None:
    assert len(parse("x = 1;" * 100)) == 100
    with pytest.raises(FormulaSyntaxError, match="100 statements"):
        parse("x = 1;" * 101)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("$something_useless", "Line 1, Col 1: Unknown identifier '$something_useless'"),
        ("x = 1;\n  y = x + z;", "Line 2, Col 11: Unknown identifier 'z'"),
        ("f(1)", "Line 1, Col 1: Unknown function 'f'"),
        ("1 + TimeInterval_Day", "Line 1, Col 3: The operator '+' does not apply to double and timeinterval"),
        ("2 * [1]", "Line 1, Col 3: The operator '*' does not apply to double and doubleVec"),
        ('!"a"', "Line 1, Col 1: The operator '!' does not apply to string"),
        ("[1] + [1, 2]", "Line 1, Col 5: The vectors have 1 and 2 elements"),
        ("max()", "Line 1, Col 1: The function 'max' has no value for an empty list"),
        ("val([1], 1)", "There is no element 1 in a vector of 1"),
        ('time("noon")', "'noon' is not a time"),
        ("time().era", "Line 1, Col 8: Unknown member 'era'"),
        ("x = 1; x.GetSample(1)", "Line 1, Col 10: Unknown method 'GetSample'"),
        ("[1] ? 1 : 2", "A condition must be a double"),
        ("$TaskSlotsPerNode = 2", "$TaskSlotsPerNode cannot be assigned to"),
        ("$TargetDedicatedNodes = time()", "is not a number of nodes"),
        ("$TargetDedicatedNodes = 1 / 0", "is not a number of nodes"),
        ('$NodeDeallocationOption = "later"', "is none of requeue"),
    ],
)
def test_what_cannot_be_evaluated_leaves_the_targets_as_they_are(formula: str, message: str) -> None:
    run = _run(formula)
    assert isinstance(run.error, EvaluationError)
    assert message in str(run.error)
    assert (run.dedicated, run.low_priority, run.deallocation) == (2, 1, "requeue")
    assert run.view()["error"]["code"] == "AutoScalingFormulaEvaluationError"
    assert run.view()["error"]["values"] == [{"name": "Message", "value": str(run.error)}]


def test_the_results_show_the_targets_and_then_the_variables_in_order() -> None:
    run = _run("b = 1; $a = [1,2];\n// a comment\n$NodeDeallocationOption = taskcompletion; b = 0.5;")
    assert run.results == (
        "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=1;$NodeDeallocationOption=taskcompletion;$a=[1,2];b=0.5"
    )


@pytest.mark.parametrize(
    ("formula", "targets"),
    [
        ("$TargetDedicatedNodes = 3", (3, 1)),
        ("$TargetDedicated = 3; $TargetLowPriority = 4", (3, 4)),
        ("$TargetDedicated = 3; $TargetDedicatedNodes = 5", (5, 1)),
        ("$TargetDedicatedNodes = 5; $TargetDedicated = 3", (5, 1)),
        ("$TargetDedicatedNodes = $TargetDedicatedNodes + 1", (3, 1)),
        ("$TargetLowPriorityNodes = 2.9", (2, 2)),
        ("$TargetDedicatedNodes = -1", (0, 1)),
        ("$TargetDedicatedNodes = 7; stop(); $TargetDedicatedNodes = 8", (7, 1)),
        ("n = 4; $TargetDedicatedNodes = $n * $TaskSlotsPerNode", (16, 1)),
        ("", (2, 1)),
        (" ;; // nothing\n /* at\n all */", (2, 1)),
    ],
)
def test_a_formula_sets_the_targets(formula: str, targets: tuple[int, int]) -> None:
    run = _run(formula)
    assert run.error is None
    assert (run.dedicated, run.low_priority) == targets


def test_samples_are_taken_by_count_and_by_time() -> None:
    tasks = _metric("$PendingTasks", 1, 2, 3, 4, 5)
    assert _value("$PendingTasks.GetSample(2)", tasks) == "[4,5]"
    assert _value("$PendingTasks.GetSample(9)", tasks) == "[1,2,3,4,5]"
    assert _value("$PendingTasks.GetSample(TimeInterval_Minute)", tasks) == "[4,5]"
    assert _value("$PendingTasks.GetSample(TimeInterval_Minute, 2 * TimeInterval_Minute)", tasks) == "[2,3]"
    assert _value("$PendingTasks.GetSample(2 * TimeInterval_Minute, TimeInterval_Minute)", tasks) == "[2,3]"
    assert _value('$PendingTasks.GetSample(time("2026-03-01T13:13:30Z"))', tasks) == "[4,5]"
    assert _value("$PendingTasks.Count()", tasks) == "5"
    assert _value("$PendingTasks.HistoryBeginTime()", tasks) == "2026-03-01T13:12:15.5Z"
    assert _value("$PendingTasks.GetSamplePeriod()", tasks) == "00:00:30"
    assert _value("$PendingTasks + 1", tasks) == "6"


def test_the_share_of_samples_is_what_there_should_be() -> None:
    cpu = _metric("$CPUPercent", *[50.0] * 27, missing=1)
    assert _value("$CPUPercent.GetSamplePercent(TimeInterval_Minute * 15)", cpu) == "90"
    assert _value("len($CPUPercent.GetSample(TimeInterval_Minute * 10, 90))", cpu) == "19"
    run = _run("x = 1;\n y = $CPUPercent.GetSample(TimeInterval_Minute * 10, 96);", cpu)
    assert isinstance(run.error, InsufficientSampleDataError)
    assert str(run.error) == (
        "Line 2, Col 18: Insufficient data from data set: $CPUPercent wanted 96%, received 95%"
    )
    assert run.view()["error"]["code"] == "InsufficientSampleData"


def test_a_metric_nothing_is_known_of_has_no_samples() -> None:
    unknown = Metric(name="$DiskBytes")
    assert _value("$DiskBytes.Count()", unknown) == "0"
    assert _value("$DiskBytes.GetSamplePercent(TimeInterval_Hour)", unknown) == "0"
    assert isinstance(_run("$DiskBytes + 1", unknown).error, InsufficientSampleDataError)


def test_the_formula_of_the_documentation_scales_with_the_queue() -> None:
    formula = """
        startingNumberOfVMs = 1;
        maxNumberofVMs = 25;
        pendingTaskSamplePercent = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);
        pendingTaskSamples = pendingTaskSamplePercent < 70 ? startingNumberOfVMs
            : avg($PendingTasks.GetSample(180 * TimeInterval_Second));
        $TargetDedicatedNodes=min(maxNumberofVMs, pendingTaskSamples);
        $NodeDeallocationOption = taskcompletion;
    """
    few = _run(formula, _metric("$PendingTasks", 9, 9))
    assert (few.dedicated, few.deallocation) == (1, "taskcompletion")
    assert _run(formula, _metric("$PendingTasks", 9, 9, 9, 9, 15, 15)).dedicated == 11
    assert _run(formula, _metric("$PendingTasks", *[99] * 6)).dedicated == 25


_NUMBERS = st.floats(-1e6, 1e6).map(lambda number: f"({number!r})")
_EXPRESSIONS = st.recursive(
    _NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "<", "==", "&&", "||"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
        inner.map(lambda operand: f"(-{operand})"),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"max({', '.join(items)})"),
    ),
    max_leaves=12,
)


@given(expression=_EXPRESSIONS)
def test_every_expression_of_doubles_has_a_value(expression: str) -> None:
    run = _run(f"x = {expression}")
    assert run.error is None
    shown = run.results.rpartition("x=")[2]
    assert math.isnan(float(shown)) or shown == f"{float(shown):g}"


@given(formula=st.text(alphabet="x$1.+-*/()[]<>=!?:;, \n\"'&|eE_", max_size=40))
def test_every_text_is_a_formula_or_is_refused(formula: str) -> None:
    try:
        statements = parse(formula)
    except FormulaSyntaxError:
        return
    assert evaluate(statements, EvaluationContext(now=_NOW, dedicated=0, low_priority=0, metrics={})).results
