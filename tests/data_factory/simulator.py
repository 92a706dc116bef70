"""Runs a pipeline as Data Factory does: the order of its activities, expressions, retries, time limits."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from tests.data_factory.activities import Services, call_function, call_web, call_webhook
from tests.data_factory.callback_server import callback_server
from tests.data_factory.definitions import (
    AnyActivity,
    AzureFunctionActivity,
    Fail,
    FunctionApp,
    IfCondition,
    KeyVault,
    Pipeline,
    Policy,
    SetVariable,
    Until,
    Wait,
    WebActivity,
    WebHook,
    seconds,
)
from tests.data_factory.expressions import ExpressionError, evaluate
from tests.data_factory.http_calls import ActivityError, Caller

HIDDEN = "***"


@dataclass(frozen=True, kw_only=True)
class ActivityRun:
    """What the monitoring shows of one run of an activity, and what other activities can read of it."""

    name: str
    status: str
    attempts: int = 0
    output: Any = None
    error: Mapping[str, str] | None = None
    shown_input: Any = None
    shown_output: Any = None


@dataclass(kw_only=True)
class PipelineRun:
    """A run of a pipeline: its id, its parameters and variables, and the runs of its activities, in order."""

    pipeline: Pipeline
    run_id: str
    parameters: Mapping[str, Any]
    variables: dict[str, Any] = field(default_factory=dict)
    activities: list[ActivityRun] = field(default_factory=list)
    status: str = "InProgress"

    def last(self, name: str) -> ActivityRun:
        """Return the last run of an activity."""
        return next(run for run in reversed(self.activities) if run.name == name)

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each activity, at its last run."""
        return {run.name: run.status for run in self.activities}

    def evaluate(self, value: Any) -> Any:
        """Return a value with its expressions evaluated."""
        return evaluate(msgspec.to_builtins(value), {"pipeline": self._pipeline, "activity": self._activity})

    def _pipeline(self) -> dict[str, Any]:
        return {"RunId": self.run_id, "Pipeline": self.pipeline.name, "parameters": self.parameters}

    def _activity(self, name: str) -> dict[str, Any]:
        run = next((run for run in reversed(self.activities) if run.name == name), None)
        if run is None:
            raise ExpressionError(f"The activity {name!r} has not run.")
        return {"output": run.output, "error": run.error, "Status": run.status}


@dataclass(frozen=True, kw_only=True)
class DataFactory:
    """A data factory on this machine."""

    services: Services

    async def run(
        self, pipeline: Pipeline, parameters: Mapping[str, Any] | None = None, *, run_id: str = ""
    ) -> PipelineRun:
        """Run a pipeline to its end."""
        defaults = {name: one.default_value for name, one in pipeline.properties.parameters.items()}
        unknown = set(parameters or {}) - set(defaults)
        assert not unknown, f"the pipeline has no parameters {unknown}"
        run = PipelineRun(
            pipeline=pipeline,
            run_id=run_id or str(uuid.uuid4()),
            parameters=defaults | dict(parameters or {}),
        )
        has_succeeded = await self._run_all(run, pipeline.properties.activities)
        run.status = "Succeeded" if has_succeeded else "Failed"
        return run

    async def _run_all(self, run: PipelineRun, activities: Sequence[AnyActivity]) -> bool:
        """Run activities in the order of their dependencies. Return whether they have succeeded."""
        statuses: dict[str, asyncio.Task[str]] = {}

        async def after_others(activity: AnyActivity) -> str:
            for needed in activity.depends_on:
                status = await statuses[needed.activity]
                if status != "Skipped" and "Completed" in needed.dependency_conditions:
                    continue
                if status not in needed.dependency_conditions:
                    run.activities.append(ActivityRun(name=activity.name, status="Skipped"))
                    return "Skipped"
            return await self._run_one(run, activity)

        async with asyncio.TaskGroup() as group:
            for activity in activities:
                statuses[activity.name] = group.create_task(after_others(activity))
        ended = {name: task.result() for name, task in statuses.items()}
        needed = {one.activity for activity in activities for one in activity.depends_on}
        return all(_has_succeeded(one, activities, ended) for one in activities if one.name not in needed)

    async def _run_one(self, run: PipelineRun, activity: AnyActivity) -> str:
        policy = activity.policy if isinstance(activity, WebActivity | AzureFunctionActivity) else Policy()
        secure = getattr(activity, "policy", policy)
        attempts, output, error = 0, None, None
        while True:
            attempts += 1
            try:
                async with asyncio.timeout(self.services.caller.real(seconds(policy.timeout))):
                    output, error = await self._do(run, activity), None
                break
            except TimeoutError:
                error = {
                    "errorCode": "Timeout",
                    "message": f"{activity.name} took longer than {policy.timeout}.",
                }
            except ExpressionError as problem:
                error = {"errorCode": "InvalidTemplate", "message": str(problem)}
            except ActivityError as problem:
                output, error = problem.output, {"errorCode": problem.code, "message": problem.message}
            if attempts > policy.retry:
                break
            await self.services.caller.wait(policy.retry_interval_in_seconds)
        run.activities.append(
            ActivityRun(
                name=activity.name,
                status="Failed" if error else "Succeeded",
                attempts=attempts,
                output=output,
                error=error,
                shown_input=HIDDEN if secure.secure_input else _shown(run, activity),
                shown_output=HIDDEN if secure.secure_output else output,
            )
        )
        return run.activities[-1].status

    async def _do(self, run: PipelineRun, activity: AnyActivity) -> Any:
        """Do what an activity is for, once. Return its output; raise ActivityError or ExpressionError."""
        match activity:
            case WebHook():
                return await call_webhook(self.services, activity, run.evaluate)
            case WebActivity():
                return await call_web(self.services, activity, run.evaluate)
            case AzureFunctionActivity():
                return await call_function(self.services, activity, run.evaluate)
            case Wait(type_properties=properties):
                return await self.services.caller.wait(run.evaluate(properties.wait_time_in_seconds))
            case Fail(type_properties=properties):
                code, message = run.evaluate(properties.error_code), run.evaluate(properties.message)
                raise ActivityError(code, message)
            case SetVariable(type_properties=properties):
                value = run.evaluate(properties.value)
                if run.pipeline.properties.variables[properties.variable_name].type == "String":
                    assert isinstance(value, str), f"{properties.variable_name} takes a String"
                run.variables[properties.variable_name] = value
                return {"name": properties.variable_name, "value": value}
            case IfCondition(type_properties=properties):
                is_true = run.evaluate(properties.expression)
                inner = properties.if_true_activities if is_true else properties.if_false_activities
                if not await self._run_all(run, inner):
                    raise ActivityError("ActionFailed", "Activity failed because an inner activity failed")
                return {}
            case Until():
                return await self._repeat(run, activity)

    async def _repeat(self, run: PipelineRun, activity: Until) -> Any:
        """Repeat activities until the expression is true. Whether they fail does not matter."""
        properties = activity.type_properties
        try:
            async with asyncio.timeout(self.services.caller.real(seconds(properties.timeout))):
                while True:
                    await self._run_all(run, properties.activities)
                    if run.evaluate(properties.expression):
                        return {}
        except TimeoutError as error:
            raise ActivityError(
                "Timeout", f"{activity.name} took longer than {properties.timeout}."
            ) from error


def _has_succeeded(
    activity: AnyActivity, activities: Sequence[AnyActivity], statuses: Mapping[str, str]
) -> bool:
    """Return whether an activity has succeeded. Of one that was skipped, those count that it depends on."""
    if statuses[activity.name] != "Skipped":
        return statuses[activity.name] == "Succeeded"
    needed = {one.activity for one in activity.depends_on}
    return all(_has_succeeded(one, activities, statuses) for one in activities if one.name in needed)


def _shown(run: PipelineRun, activity: AnyActivity) -> Any:
    """Return the properties of an activity as the monitoring shows them."""
    if isinstance(activity, IfCondition | Until):
        return {}
    try:
        return run.evaluate(activity.type_properties)
    except ExpressionError as error:
        return str(error)


@asynccontextmanager
async def data_factory(
    *,
    minute: float,
    linked: Mapping[str, KeyVault | FunctionApp] | None = None,
    polls_send_headers: bool = True,
    functions_follow_location: bool = True,
) -> AsyncIterator[DataFactory]:
    """Run a data factory whose minutes take so many seconds.

    Its token for a resource is `token for <resource>`.
    """
    async with aiohttp.ClientSession() as http, callback_server() as callbacks:
        caller = Caller(http=http, minute=minute, polls_send_headers=polls_send_headers)
        services = Services(
            caller=caller,
            callbacks=callbacks,
            token=lambda resource: f"token for {resource}",
            linked=linked or {},
            functions_follow_location=functions_follow_location,
        )
        yield DataFactory(services=services)
