"""The JSON of automatic scaling: request bodies and views."""

from typing import Any, Final

from fakebatch.autoscale.parser import accept_formula
from fakebatch.bodies.property_schema import ObjectSchema, at_least, required, string
from fakebatch.errors import BatchError
from fakebatch.model.pool_entity import PoolEntity

INTERVAL: Final = at_least("PT5M", "P7D")
DEFAULT_INTERVAL: Final = "PT15M"

_ENABLE = ObjectSchema(autoScaleFormula=string, autoScaleEvaluationInterval=INTERVAL)
_EVALUATE = ObjectSchema(autoScaleFormula=required(string))
_PROPERTIES: Final = ("autoScaleFormula", "autoScaleEvaluationInterval")


def completed(spec: dict[str, Any], body: Any) -> dict[str, Any]:
    """Return the properties of a pool to be created, with the evaluation interval if automatic scaling is on.

    Raises BatchError if the body has both automatic scaling and target sizes, or if the formula is wrong.
    """
    if not spec["enableAutoScale"]:
        _refuse(body, _PROPERTIES, "The property is valid only if enableAutoScale is true.")
        return spec
    _refuse(
        body,
        ("targetDedicatedNodes", "targetLowPriorityNodes"),
        "The property must not be specified if enableAutoScale is true.",
    )
    if "autoScaleFormula" not in spec:
        raise BatchError("MissingRequiredProperty", PropertyName="autoScaleFormula")
    accept_formula(spec["autoScaleFormula"])
    interval = spec.get("autoScaleEvaluationInterval", DEFAULT_INTERVAL)
    return {name: shown for part in spec.items() for name, shown in _with_interval(part, interval)}


def _with_interval(part: tuple[str, Any], interval: str) -> list[tuple[str, Any]]:
    name, shown = part
    if name == "autoScaleEvaluationInterval":
        return []
    return (
        [(name, shown), ("autoScaleEvaluationInterval", interval)] if name == "autoScaleFormula" else [part]
    )


def _refuse(body: Any, names: tuple[str, ...], reason: str) -> None:
    for name in names:
        if body.get(name) is not None:
            raise BatchError(
                "InvalidPropertyValue", PropertyName=name, PropertyValue=body[name], Reason=reason
            )


def accept_enabling(body: Any, pool: PoolEntity) -> dict[str, Any]:
    """Return the properties that a request to enable automatic scaling sets.

    If the pool has automatic scaling already, it keeps the properties that the request does not give.
    """
    given = _ENABLE(body)
    had = {name: pool.spec[name] for name in _PROPERTIES if name in pool.spec}
    settings = {"autoScaleEvaluationInterval": DEFAULT_INTERVAL} | had | given
    if "autoScaleFormula" not in settings or (pool.spec["enableAutoScale"] and not given):
        raise BatchError("MissingRequiredProperty", PropertyName="autoScaleFormula")
    accept_formula(settings["autoScaleFormula"])
    return {"enableAutoScale": True} | settings


def accept_evaluation(body: Any) -> str:
    """Return the formula to evaluate."""
    formula: str = _EVALUATE(body)["autoScaleFormula"]
    return formula


def with_run(view: dict[str, Any], pool: PoolEntity) -> dict[str, Any]:
    """Return the JSON of a pool with the autoscale properties placed after `enableAutoScale`."""
    shown: dict[str, Any] = {name: view.pop(name) for name in _PROPERTIES if name in view}
    if pool.auto_scale_run is not None:
        shown["autoScaleRun"] = pool.auto_scale_run
    if not shown:
        return view
    names = list(view)
    following = names[names.index("enableAutoScale") + 1 :]
    after = {name: view.pop(name) for name in following}
    return view | shown | after
