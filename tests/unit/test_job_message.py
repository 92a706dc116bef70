"""Decoding and checking job messages: an error names the field."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.errors import InvalidJobError
from batchmgr.steps.check_message import check_message
from batchmgr.steps.plan_job import plan_job
from batchmgr.wire.job_message import decode_job
from batchmgr.wire.json_codec import encode
from batchmgr.wire.queue_message import identify_undecodable

TASK = '{"id": "a", "commandLine": "/bin/true"}'


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ("", "", "not valid JSON"),
        ("{", "", "not valid JSON"),
        ('{"inputs":{"a":' + "[" * 100_000, "", "not valid JSON"),
        ("[]", "", "expected `object`, got `array`"),
        ('"text"', "", "expected `object`, got `str`"),
        ('{"workload": 1}', "workload", "expected `str`, got `int`"),
        ('{"workload": "w", "colour": 1}', "colour", "unknown field"),
        ('{"workload": "w", "version": 2}', "version", "must be 1, not 2"),
        ('{"tasks": [{"id": "a"}]}', "tasks[0].commandLine", "required, but missing"),
        (f'{{"tasks": [{TASK}, {{"id": "b", "x": 1}}]}}', "tasks[1].x", "unknown field"),
        ('{"tasks": [{"id": "a", "commandLine": ""}]}', "tasks[0].commandLine", "length >= 1"),
        (
            '{"workload": "w", "maxWallClockTime": "6h"}',
            "maxWallClockTime",
            "must be an ISO 8601 duration, such as PT1H30M or P2D",
        ),
        (
            '{"tasks": [{"id": "a", "commandLine": "x", "requiredSlots": 0}]}',
            "tasks[0].requiredSlots",
            ">= 1",
        ),
        (
            '{"tasks": [{"id": "a", "commandLine": "x", "outputFiles": [{"sourceFilePath": "a", '
            '"uploadCondition": "never"}]}]}',
            "tasks[0].outputFiles[0].uploadCondition",
            "must be one of taskSuccess, taskFailure, taskCompletion, not",
        ),
    ],
)
def test_a_message_that_cannot_be_decoded_names_the_field(body: str, field: str, reason: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        decode_job(body.encode())
    assert caught.value.field == field
    assert reason in caught.value.reason


def tasks(*rows: str) -> str:
    return '{"tasks": [' + ", ".join(rows) + "]}"


def with_task(properties: str) -> str:
    return tasks(f'{{"id": "a", "commandLine": "x", {properties}}}')


def hooks(*webhooks: str) -> str:
    return '{"workload": "w", "webhooks": [' + ", ".join(webhooks) + "]}"


def with_job(properties: str) -> str:
    return f'{{"tasks": [{TASK}], {properties}}}'


AUTO_POOL = (
    '"autoPool": {"vmSize": "Standard_D2s_v5", "image": {"virtualMachineImageId": "/images/1"}, '
    '"nodeAgentSkuId": "batch.node.ubuntu 22.04", "targetDedicatedNodes": 2}'
)


def accept(body: str) -> None:
    """Check a message that needs no workload, as acceptance does."""
    message = decode_job(body.encode())
    check_message(message)
    plan_job("j", message, workloads=WorkloadRegistry({}), default_pool_id="p")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{}", "workload"),
        ('{"workload": "w", "tasks": [' + TASK + "]}", "workload"),
        ('{"tasks": [' + TASK + '], "inputs": {"a": 1}}', "inputs"),
        ('{"jobId": "a b", "workload": "w"}', "jobId"),
        ('{"jobId": "' + "x" * 65 + '", "workload": "w"}', "jobId"),
        ('{"jobId": "ä", "workload": "w"}', "jobId"),
        ('{"workload": "w", "callBackUri": "ftp://host/x"}', "callBackUri"),
        ('{"workload": "w", "callBackUri": "/relative"}', "callBackUri"),
        ('{"workload": "w", "callBackUri": "https://ho st/"}', "callBackUri"),
        ('{"workload": "w", "notify": ["job.*", "everything"]}', "notify[1]"),
        ('{"workload": "w", "notify": ["job"]}', "notify[0]"),
        (hooks('{"uri": "https://ho st/"}'), "webhooks[0].uri"),
        (hooks('{"uri": ""}'), "webhooks[0].uri"),
        (hooks('{"events": ["job.*"]}'), "webhooks[0].uri"),
        (hooks('{"uri": "https://a/", "event": ["job.*"]}'), "webhooks[0].event"),
        (hooks('{"uri": "https://a/"}', '{"uri": "/relative"}'), "webhooks[1].uri"),
        (hooks('{"uri": "https://a/"}', '{"uri": "https://a/", "events": ["*"]}'), "webhooks[1].uri"),
        (hooks('{"uri": "https://a/", "events": []}'), "webhooks[0].events"),
        (hooks('{"uri": "https://a/", "events": ["task.*", "tasks"]}'), "webhooks[0].events[1]"),
        (hooks(*(f'{{"uri": "https://a/{number}"}}' for number in range(6))), "webhooks"),
        (tasks('{"id": "a b", "commandLine": "x"}'), "tasks[0].id"),
        (tasks(TASK, '{"id": "A", "commandLine": "x"}'), "tasks[1].id"),
        (tasks('{"id": "Batchmgr-finalize", "commandLine": "x"}'), "tasks[0].id"),
        (tasks('{"id": "a", "commandLine": "   "}'), "tasks[0].commandLine"),
        (with_task('"dependsOn": ["b"]'), "tasks[0].dependsOn[0]"),
        (with_task('"dependsOn": ["a"]'), "tasks"),
        (with_task('"environment": {"A=B": "x"}'), "tasks[0].environment.A=B"),
        (with_task('"environment": {"az_batch_x": "x"}'), "tasks[0].environment.az_batch_x"),
        (with_task('"maxWallClockTime": "PT0S"'), "tasks[0].maxWallClockTime"),
        (with_task('"retentionTime": "-P1D"'), "tasks[0].retentionTime"),
        (with_job('"maxWallClockTime": "-PT1H"'), "maxWallClockTime"),
        (with_job('"priority": 1001'), "priority"),
        (with_job('"maxParallelTasks": 0'), "maxParallelTasks"),
        (with_job('"environment": {"AZ_BATCH_X": "x"}'), "environment.AZ_BATCH_X"),
        (with_job('"jobReleaseTask": {"commandLine": "x"}'), "jobReleaseTask"),
        (with_job('"jobPreparationTask": {"commandLine": " "}'), "jobPreparationTask.commandLine"),
        (with_job('"poolId": "p", ' + AUTO_POOL), "autoPool"),
        ('{"jobManagerTask": {"commandLine": "x"}, "tasks": [' + TASK + "]}", "workload"),
    ],
)
def test_a_message_that_breaks_a_rule_names_the_field(body: str, field: str) -> None:
    with pytest.raises(InvalidJobError) as caught:
        accept(body)
    assert caught.value.field == field


def test_a_dependency_cycle_is_shown_in_the_error() -> None:
    body = tasks(
        '{"id": "a", "commandLine": "x", "dependsOn": ["b"]}',
        '{"id": "b", "commandLine": "x", "dependsOn": ["a"]}',
    )
    with pytest.raises(InvalidJobError, match=r"tasks wait for each other: (a → b → a|b → a → b)"):
        accept(body)


def test_the_message_of_the_readme_is_accepted() -> None:
    body = b"""{ "jobId": "kmers-001", "workload": "genome_kmers", "inputs": {"genome": "c/g.fa"},
        "poolId": "hpc", "callBackUri": "https://example.com/x", "notify": ["job.*", "task.failed"],
        "maxWallClockTime": "PT6H", "metadata": {"team": "bio"}, "version": 1 }"""
    message = decode_job(body)
    check_message(message)
    assert decode_job(encode(message)) == message


def test_the_digest_depends_on_the_content_only_not_on_the_id_or_the_order() -> None:
    one = decode_job(b'{"jobId": "a", "workload": "w", "inputs": {"x": 1, "y": 2}}')
    two = decode_job(b'{"inputs": {"y": 2, "x": 1}, "workload": "w", "jobId": "b"}')
    other = decode_job(b'{"inputs": {"y": 2, "x": 3}, "workload": "w", "jobId": "b"}')
    assert one.digest == two.digest != other.digest


def test_webhooks_are_a_part_of_the_content_and_get_the_events_of_the_job_by_default() -> None:
    one = decode_job(b'{"workload": "w", "webhooks": [{"uri": "https://a/"}]}')
    two = decode_job(b'{"workload": "w", "webhooks": [{"uri": "https://a/", "events": ["job.*"]}]}')
    other = decode_job(b'{"workload": "w", "webhooks": [{"uri": "https://b/"}]}')
    assert one.digest == two.digest != other.digest
    assert one.digest != decode_job(b'{"workload": "w"}').digest
    assert one.webhooks[0].events == ("job.*",)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_message_is_accepted_or_raises_invalid_job(body: bytes) -> None:
    with contextlib.suppress(InvalidJobError):
        check_message(decode_job(body))
    identify_undecodable(body)
