"""The structs of the job message and the values of a plan have the same fields and defaults."""

import dataclasses
from typing import Any

import msgspec
import pytest

from batchmgr.plan import file_specifications, job_specification, task_options
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.wire import job_message, task_message

PAIRS = [
    (task_message.InputFileMessage, file_specifications.InputFileSpecification),
    (task_message.OutputFileMessage, file_specifications.OutputFileSpecification),
    (task_message.ContainerSettingsMessage, task_options.ContainerSettings),
    (task_message.UserIdentityMessage, task_options.UserIdentity),
    (task_message.ApplicationPackageMessage, task_options.ApplicationPackageReference),
    (task_message.MultiInstanceSettingsMessage, task_options.MultiInstanceSettings),
    (task_message.ExitOptionsMessage, task_options.ExitOptions),
    (task_message.ExitCodeMessage, task_options.ExitCodeMapping),
    (task_message.ExitCodeRangeMessage, task_options.ExitCodeRangeMapping),
    (task_message.ExitConditionsMessage, task_options.ExitConditions),
    (job_message.JobPreparationTaskMessage, job_specification.JobPreparationTask),
    (job_message.JobReleaseTaskMessage, job_specification.JobReleaseTask),
    (job_message.ImageReferenceMessage, job_specification.ImageReference),
    (job_message.AutoPoolMessage, job_specification.AutoPoolSpecification),
]
OWN_OF_PLANS = {"is_leaf", "manifest_need"}


def said(message: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a message with their defaults."""
    return {
        field.name: field.default_factory()
        if field.default_factory is not msgspec.NODEFAULT
        else field.default
        for field in msgspec.structs.fields(message)
    }


def held(value: type[Any]) -> dict[str, Any]:
    """The fields of a value with their defaults."""
    return {
        field.name: field.default_factory()
        if field.default_factory is not dataclasses.MISSING
        else field.default
        for field in dataclasses.fields(value)
    }


@pytest.mark.parametrize(("message", "value"), PAIRS, ids=lambda one: one.__name__)
def test_a_struct_of_the_message_and_its_value_have_the_same_fields(
    message: type[msgspec.Struct], value: type[Any]
) -> None:
    assert said(message).keys() == held(value).keys()
    for name, default in said(message).items():
        other = held(value)[name]
        if other is not dataclasses.MISSING and default is not msgspec.NODEFAULT:
            assert default == other, name


def test_a_task_message_has_all_fields_of_a_task_plan_but_the_derived_ones() -> None:
    assert said(task_message.TaskMessage).keys() == held(TaskPlan).keys() - OWN_OF_PLANS


def test_a_job_message_has_all_fields_of_a_job_specification() -> None:
    assert held(job_specification.JobSpecification).keys() <= said(job_message.JobMessage).keys()
