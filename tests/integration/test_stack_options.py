"""Environment variables choose the stack of the integration tests."""

import pytest

from tests.integration.stack_options import stack_options


def test_by_default_it_is_the_embedded_host_and_event_grid() -> None:
    options = stack_options({})
    assert (options.host, options.blob_source) == ("embedded", "EventGrid")


def test_variables_choose_the_host_and_the_source_of_blob_events() -> None:
    options = stack_options({"STACK_HOST": "func", "STACK_BLOB_SOURCE": "LogsAndContainerScan"})
    assert (options.host, options.blob_source) == ("func", "LogsAndContainerScan")


def test_a_test_that_needs_a_certain_stack_gets_it() -> None:
    assert stack_options(
        {"STACK_BLOB_SOURCE": "EventGrid"}, blob_source="LogsAndContainerScan"
    ).blob_source != ("EventGrid")


def test_a_variable_chooses_a_stack_without_keys() -> None:
    assert stack_options({}).identity is None
    assert stack_options({"STACK_IDENTITY": "nodes"}).identity == "nodes"


@pytest.mark.parametrize("name", ["STACK_HOST", "STACK_BLOB_SOURCE", "STACK_IDENTITY"])
def test_an_unknown_value_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 'core tools'"):
        stack_options({name: "core tools"})
