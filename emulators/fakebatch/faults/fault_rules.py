"""Fault rules: which requests get which fault, and how often."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Final

from fakebatch.bodies.property_schema import (
    ObjectSchema,
    Property,
    choice,
    integer,
    optional,
    required,
    string,
)
from fakebatch.error_codes import ERROR_CODES
from fakebatch.errors import BatchError, invalid_property

COUNTS: Final = "get_job_task_counts"
_OPERATIONS: Final = {"countsLag": COUNTS, "countsOff": COUNTS, "capacity": "", "quotas": ""}
_BY_STATUS: Final = {429: "TooManyRequests", 500: "InternalError", 503: "ServerBusy"}


def number(low: float, high: float = float("inf")) -> Callable[[Any, str], float]:
    """Return a validator that accepts numbers from `low` to `high`."""

    def kind(value: Any, name: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise invalid_property(name, value, f"The value must be a number between {low} and {high}.")
        return value

    return kind


_OFFSET: Final = integer(-(2**31))
_DETAILS: Final[Mapping[str, Mapping[str, Property | Callable[[Any, str], Any]]]] = {
    "latency": {"seconds": required(number(0))},
    "error": {"status": integer(400, 599), "code": string, "retryAfter": integer(0)},
    "cut": {"when": optional(choice("before", "after"), "after")},
    "slow": {"bytesPerSecond": required(integer(1))},
    "countsLag": {"seconds": required(number(0))},
    "capacity": {
        "pool": optional(string, "*"),
        "nodes": required(integer(0)),
        "code": optional(string, "AllocationTimedout"),
    },
    "quotas": dict.fromkeys(("activeJobs", "pools", "dedicatedCores", "lowPriorityCores"), integer(0)),
    "countsOff": dict.fromkeys(("active", "running", "completed", "succeeded", "failed"), _OFFSET),
}
FAULTS: Final = _DETAILS.keys()
"""The names of all faults."""

_KINDS: Final = {
    fault: ObjectSchema(
        fault=required(choice(fault)),
        operation=optional(string, _OPERATIONS.get(fault, "*")),
        probability=optional(number(0, 1), 1),
        count=integer(1),
        seed=optional(integer(0), 0),
        **details,
    )
    for fault, details in _DETAILS.items()
}


class FaultRule:
    """A fault and the requests it applies to. `spec` is the rule as given, with the defaults filled in."""

    def __init__(self, rule_id: int, spec: Mapping[str, Any]) -> None:
        self.id = rule_id
        self.spec = spec
        self.matched = 0
        self.applied = 0
        self._random = Random(spec["seed"])  # noqa: S311 - repeatable, not secret

    def applies(self, operation: str) -> bool:
        """Return whether the rule applies to the next request of an operation, and count it."""
        if self.is_spent or not fnmatchcase(operation, self.spec["operation"]):
            return False
        self.matched += 1
        if self._random.random() >= self.spec["probability"]:
            return False
        self.applied += 1
        return True

    @property
    def is_spent(self) -> bool:
        """Whether the rule has applied to as many requests as its `count` allows."""
        count: int | None = self.spec.get("count")
        return count is not None and self.applied >= count

    def view(self) -> dict[str, Any]:
        """Return the rule as JSON: `met` counts the requests it matched, `struck` those it applied to."""
        return {"id": self.id, **self.spec, "met": self.matched, "struck": self.applied}


class FaultRules:
    """The current rules, in the order they were added."""

    def __init__(self) -> None:
        self._rules: dict[int, FaultRule] = {}
        self._ever = 0

    def add(self, body: Any) -> FaultRule:
        """Add the rule that a request body describes. Raises BatchError if it is invalid."""
        spec = accept_rule(body)
        self._ever += 1
        rule = self._rules[self._ever] = FaultRule(self._ever, spec)
        return rule

    def all(self) -> list[FaultRule]:
        """Return all rules, including those that don't apply any more."""
        return list(self._rules.values())

    def clear(self, rule_id: int | None = None) -> None:
        """Remove a rule, or all rules. Raises BatchError(InvalidUri) if there is no such rule."""
        if rule_id is None:
            self._rules.clear()
        elif self._rules.pop(rule_id, None) is None:
            raise BatchError("InvalidUri")

    def capacity(self, pool_id: str) -> Mapping[str, Any] | None:
        """Return the `capacity` rule of a pool, or None."""
        rules = (rule.spec for rule in self._rules.values() if rule.spec["fault"] == "capacity")
        return next((spec for spec in rules if fnmatchcase(pool_id, spec["pool"])), None)

    def quotas(self) -> dict[str, int]:
        """Return the quotas that rules set, by name. The latest rule wins."""
        rules = [rule.spec for rule in self._rules.values() if rule.spec["fault"] == "quotas"]
        names = _DETAILS["quotas"]
        return {name: spec[name] for spec in rules for name in names if name in spec}

    def apply_to(self, operation: str) -> list[Mapping[str, Any]]:
        """Return the rules that apply to the next request of an operation, and count it."""
        return [rule.spec for rule in self._rules.values() if rule.applies(operation)]


def accept_rule(body: Any) -> dict[str, Any]:
    """Validate a rule and fill in its defaults. Raises BatchError."""
    fault = body.get("fault") if isinstance(body, dict) else None
    if fault not in _KINDS:
        raise invalid_property("fault", fault, f"The value must be one of {', '.join(_KINDS)}.")
    spec = _KINDS[fault](body)
    if fault == "error":
        _complete_error(spec)
    return spec


def _complete_error(spec: dict[str, Any]) -> None:
    """Fill in the code from the status, or the status from the code."""
    code = spec.setdefault("code", _BY_STATUS.get(spec.get("status", 503), "InternalError"))
    if code not in ERROR_CODES:
        raise invalid_property("code", code, "The service has no error of this code.")
    spec.setdefault("status", ERROR_CODES[code][0])
