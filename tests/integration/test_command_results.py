"""What commands on real nodes write to `outputs.json` is in the outcome and in the callback."""

from tests.integration.client import Client
from tests.integration.messages import job, output, task
from tests.integration.receiver import Receiver


async def test_results_of_commands_are_read_from_what_azure_batch_has_uploaded(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    def writing(task_id: str, script: str, **fields: str) -> dict[str, object]:
        return task(task_id, script, outputFiles=[output("outputs.json", taskId=task_id, **fields)])

    tasks = [
        writing("small", 'echo "{\\"lines\\": 42}" > outputs.json'),
        writing("failing", 'echo "{\\"step\\": 7}" > outputs.json; exit 2', uploadCondition="taskCompletion"),
        writing("silent", "true"),
        writing("wrong", "echo 42 > outputs.json"),
        writing("huge", "head -c 200000 /dev/zero | tr \\\\0 1 > outputs.json"),
    ]
    await client.submit(job(job_id, *tasks, callBackUri=receiver.uri))
    expected = [
        {"taskId": "small", "result": {"lines": 42}},
        {"taskId": "failing", "result": {"step": 7}},
    ]
    outcome = (await receiver.call()).body["Output"]
    assert (outcome["state"], outcome["taskResults"]) == ("partial", expected)
    assert [one["taskId"] for one in outcome["failedTasks"]] == ["failing"]
    assert (await client.outcome(job_id))["taskResults"] == expected


async def test_the_tasks_of_a_sweep_have_results(client: Client, job_id: str) -> None:
    repeat = {
        "commandLine": """/bin/sh -c 'echo "{{\\"n\\": $1}}" > outputs.json' sh {n}""",
        "outputFiles": [output("outputs.json", "outputs/{n}.json")],
    }
    sweep = {"type": "parametricSweep", "parameters": {"n": {"start": 1, "end": 3}}, "repeatTask": repeat}
    await client.submit({"jobId": job_id, "taskFactory": sweep})
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded", outcome
    assert [(one["taskId"], one["result"]) for one in outcome["taskResults"]] == [
        ("1", {"n": 1}),
        ("2", {"n": 2}),
        ("3", {"n": 3}),
    ]
