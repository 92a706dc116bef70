"""Jobs described in JSON only: their files, their dependencies and their failures."""

import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.integration.client import Api, Client
from tests.integration.messages import job, output, task
from tests.integration.receiver import Receiver, receiving


async def test_files_go_from_task_to_task_through_the_containers(client: Client, job_id: str) -> None:
    await client.upload(f"{job_id}/words.txt", b"beta\nalpha\n")
    words = {
        "containerName": "inputs",
        "sourceBlobPath": f"{job_id}/words.txt",
        "targetFilePath": "data/words.txt",
    }
    parts = {
        "containerName": f"job-{job_id}",
        "sourceBlobPath": "parts/",
        "targetFilePath": "before",
    }
    await client.submit(
        job(
            job_id,
            task(
                "sort",
                "mkdir parts; sort data/words.txt > parts/1.txt; echo gamma > parts/2.txt",
                inputFiles=[words],
                outputFiles=[{"sourceFilePath": "parts/*.txt", "targetBlobPath": "parts"}],
            ),
            task(
                "join",
                "cat before/parts/1.txt before/parts/2.txt > all.txt; echo joined",
                dependsOn=["sort"],
                inputFiles=[parts],
                outputFiles=[output("all.txt"), output("../stdout.txt", "logs/join.txt")],
            ),
        )
    )
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded", outcome
    names = [result["name"] for result in outcome["results"]]
    assert names == ["parts/1.txt", "parts/2.txt", "all.txt", "logs/join.txt"]
    assert await client.read(job_id, "all.txt") == b"alpha\nbeta\ngamma\n"
    assert await client.read(job_id, "logs/join.txt") == b"joined\n"


@pytest.mark.smoke
async def test_a_file_goes_from_task_to_task_through_the_jobs_own_container(api: Api, job_id: str) -> None:
    made = {"containerName": f"job-{job_id}", "sourceBlobPath": "made.txt", "targetFilePath": "made.txt"}
    await api.submit(
        job(
            job_id,
            task("make", "echo made > made.txt", outputFiles=[output("made.txt")]),
            task(
                "check",
                "test made = $(cat made.txt) && echo checked > checked.txt",
                dependsOn=["make"],
                inputFiles=[made],
                outputFiles=[output("checked.txt")],
            ),
        )
    )
    outcome = await api.outcome(job_id)
    assert outcome["state"] == "succeeded", outcome
    assert [result["name"] for result in outcome["results"]] == ["made.txt", "checked.txt"]
    assert (await api.types(job_id)).count("task.succeeded") == 3


@pytest.mark.smoke
async def test_a_failed_task_is_told_with_its_exit_code(api: Api, job_id: str) -> None:
    await api.submit(job(job_id, task("good"), task("bad", "echo no such luck >&2; exit 3")))
    outcome = await api.outcome(job_id)
    assert outcome["state"] == "partial", outcome
    [failed] = outcome["failedTasks"]
    assert (failed["taskId"], failed["exitCode"]) == ("bad", 3)
    assert failed["error"]["message"] == "exit code 3: no such luck"


async def test_a_job_ends_whatever_its_tasks_leave_as_their_error_report(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    report = "\\173\\042type\\042: \\042%s\\042, \\042message\\042: \\042%b\\042"
    name = "batchmgr-error.json"
    long = f'(printf "{report}" Long words; printf ", \\042traceback\\042: \\042"; yes x | head -c 3000000 '
    long += f'| tr "\\012" y; printf "end\\042, \\042kind\\042: \\042input\\042\\175") > {name}; exit 2'
    tasks = [
        task("bytes", f'printf "{report}\\175" Odd "\\0377\\0376" > {name}; exit 1'),
        task("deep", f'yes "[" | head -n 100000 > {name}; exit 1'),
        task("large", f"truncate -s 400M {name}; truncate -s 400M ../stderr.txt; exit 1"),
        task("long", long),
    ]
    await client.submit(job(job_id, *tasks, callBackUri=receiver.uri))
    call = await receiver.call()
    failed = {one["taskId"]: one["error"] for one in call.body["Output"]["failedTasks"]}
    assert (failed["bytes"]["type"], failed["bytes"]["message"]) == ("Odd", "\ufffd\ufffd")
    assert failed["deep"]["type"] == failed["large"]["type"] == "FailureExitCode"
    assert (failed["long"]["type"], failed["long"]["message"]) == ("Long", "words")
    assert failed["long"]["category"] == "BadInput"
    assert call.body["Error"] == {"ErrorCode": "Long", "Message": "4 of 4 tasks failed. long: words"}
    assert call.body["StatusCode"] == "422"


async def test_blobs_under_a_prefix_can_go_directly_into_the_working_directory(
    client: Client, job_id: str
) -> None:
    await client.upload(f"{job_id}/a.txt", b"a")
    prefix = {"containerName": "inputs", "sourceBlobPath": f"{job_id}/", "targetFilePath": ""}
    await client.submit(job(job_id, task("look", f"test -f {job_id}/a.txt", inputFiles=[prefix])))
    assert (await client.outcome(job_id))["state"] == "succeeded"


async def test_a_value_reaches_its_task_unchanged_and_nothing_in_it_is_executed(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    mark = tmp_path / "executed"
    value = f"$(touch {mark}); `touch {mark}`; \"quoted\" 'single' %PATH% ${{HOME}} \\n \n\t ünïcödé ✓ 日本"
    script = 'printf %s "$VALUE" > value.txt'
    message = job(
        job_id,
        task("echo", script, environment={"VALUE": value}, outputFiles=[output("value.txt")]),
        metadata={"note": value},
    )
    await client.submit(message)
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded"
    assert outcome["metadata"] == {"note": value}
    assert (await client.read(job_id, "value.txt")).decode() == value
    assert not mark.exists()


async def test_a_command_line_is_run_without_a_shell(client: Client, job_id: str, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    direct = {"id": "direct", "commandLine": f"/bin/echo $(touch {mark}) ; touch {mark} | more"}
    await client.submit(job(job_id, direct | {"outputFiles": [output("../stdout.txt", "said.txt")]}))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded"
    assert await client.read(job_id, "said.txt") == f"$(touch {mark}) ; touch {mark} | more\n".encode()
    assert not mark.exists()


async def test_a_failed_task_is_reported_with_its_exit_code_and_the_end_of_its_stderr(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    failing = task("failing", "echo reading >&2; echo no licence left >&2; exit 7", displayName="Solver")
    await client.submit(job(job_id, task("fine"), failing, callBackUri=receiver.uri))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "partial"
    (failed,) = outcome["failedTasks"]
    assert (failed["taskId"], failed["displayName"], failed["exitCode"]) == ("failing", "Solver", 7)
    assert failed["error"]["type"] == "FailureExitCode"
    assert failed["error"]["message"] == "exit code 7: no licence left"
    assert outcome["error"]["message"] == "1 of 2 tasks failed. Solver: exit code 7: no licence left"
    (event,) = [e for e in await client.events(job_id) if e["type"] == "batchmgr.task.failed"]
    assert event["data"]["error"] == failed["error"] | {"stderr": "reading\nno licence left\n"}
    call = await receiver.call()
    assert call.body["StatusCode"] == "500"
    assert call.body["Error"] == {
        "ErrorCode": outcome["error"]["code"],
        "Message": outcome["error"]["message"],
    }
    assert call.body["Output"] == outcome


async def test_output_of_a_failed_task_is_uploaded_if_the_condition_says_so(
    client: Client, job_id: str
) -> None:
    kept = [
        output("report.txt", f"{when}.txt", uploadCondition=when)
        for when in ("taskSuccess", "taskFailure", "taskCompletion")
    ]
    failing = task("failing", "echo half > report.txt; exit 1", outputFiles=kept)
    await client.submit(job(job_id, failing))
    assert (await client.outcome(job_id))["state"] == "failed"
    container = client.blobs.get_container_client(f"job-{job_id}")
    names = [name async for name in container.list_blob_names()]
    assert sorted(name for name in names if "/" not in name) == ["taskCompletion.txt", "taskFailure.txt"]


async def test_every_failed_task_has_an_event_and_twenty_are_listed(client: Client, job_id: str) -> None:
    await client.submit(job(job_id, *(task(str(number), "exit 1") for number in range(1, 31))))
    outcome = await client.outcome(job_id)
    assert (outcome["state"], outcome["counts"]["failed"]) == ("failed", 30)
    assert outcome["error"]["message"].startswith("30 of 30 tasks failed. ")
    assert len(outcome["failedTasks"]) == 20
    assert (await client.types(job_id)).count("task.failed") == 30


async def test_a_job_fails_if_none_of_its_tasks_succeeds(client: Client, job_id: str) -> None:
    missing = {"id": "missing", "commandLine": "no-such-program --version"}
    await client.submit(job(job_id, task("one", "exit 1"), missing))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "failed"
    assert {failed["taskId"] for failed in outcome["failedTasks"]} == {"one", "missing"}


async def test_a_job_ends_partial_when_a_failure_blocks_its_dependents_and_the_finalize_task(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    message = job(
        job_id,
        task("fine", outputFiles=[]),
        task("broken", "exit 1"),
        task("blocked", dependsOn=["broken"]),
        task("blocked-too", dependsOn=["blocked", "fine"]),
        callBackUri=receiver.uri,
    )
    await client.submit(message)
    call = await receiver.call()
    assert (call.body["Output"]["state"], call.body["StatusCode"]) == ("partial", "500")
    assert "1 of 4 tasks failed. 2 did not run." in call.body["Error"]["Message"]
    await client.wait_until_delivered(job_id)
    assert len(receiver.calls) == 1
    assert await client.batch_state(job_id) == "completed"


async def test_a_failed_task_is_retried_up_to_its_limit(client: Client, job_id: str) -> None:
    flaky = task("flaky", "test -e again || { touch again; exit 1; }", maxTaskRetryCount=1)
    await client.submit(job(job_id, flaky))
    outcome = await client.outcome(job_id)
    types = await client.types(job_id)
    assert outcome["state"] == "succeeded"
    assert types.count("task.retried") == 1
    assert "task.failed" not in types


UNUSABLE = {
    "empty": (b"", "422", "InvalidInputError", "The genome file is empty."),
    "letter": (b"This is a letter.\n", "422", "InvalidInputError", "The genome file is not FASTA"),
    "missing": (None, "500", "BlobNotFound", "404"),
}
"""Genomes (None: the blob does not exist), and the status and the error that are reported."""


async def test_an_unusable_genome_fails_the_job_and_the_callback_says_why(
    client: Client, job_id: str
) -> None:
    async with AsyncExitStack() as stack:
        receivers = {name: await stack.enter_async_context(receiving()) for name in UNUSABLE}
        for name, (content, *_) in UNUSABLE.items():
            if content is not None:
                await client.upload(f"{job_id}/{name}.fa", content)
            inputs = {"genome": f"inputs/{job_id}/{name}.fa", "windows": 1}
            message = {"jobId": f"{job_id}-{name}", "workload": "genome_kmers", "inputs": inputs}
            await client.submit(message | {"callBackUri": receivers[name].uri})
        for name, (_, status, code, reason) in UNUSABLE.items():
            body = (await receivers[name].call()).body
            assert (body["Output"]["state"], body["StatusCode"]) == ("failed", status)
            assert body["Error"]["ErrorCode"] == code
            assert "1 of 1 tasks failed. window 1 of 1: " in body["Error"]["Message"]
            assert reason in body["Error"]["Message"]


@pytest.mark.skipif(os.environ.get("STACK_IDENTITY") == "signatures", reason="such a job is refused there")
async def test_a_job_with_the_longest_time_limit_of_azure_batch_runs(client: Client, job_id: str) -> None:
    await client.submit(job(job_id, maxWallClockTime="P10675199D"))
    assert (await client.outcome(job_id))["state"] == "succeeded"
