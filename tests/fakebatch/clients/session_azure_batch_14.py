"""A session with azure-batch 14.2, as a user would write it; run by an interpreter that has it.

The arguments are the endpoint, the account and the key. At the end it prints what it saw, as JSON.
"""

# It runs with another azure-batch than the one whose types are known here.
# mypy: disable-error-code="attr-defined, import-not-found, import-untyped"

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials
from msrest.exceptions import HttpOperationError


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def code_of(call: Callable[[], object]) -> str:
    try:
        call()
    except HttpOperationError as error:
        return str(error.error.code) if error.error else ""
    return ""


def main(endpoint: str, account: str, key: str) -> dict[str, object]:
    batch = BatchServiceClient(SharedKeyCredentials(account, key), batch_url=endpoint)
    seen: dict[str, object] = {}
    image = models.ImageReference(
        publisher="microsoft-dsvm", offer="ubuntu-hpc", sku="2204", version="latest"
    )
    pool = models.PoolAddParameter(
        id="fourteen",
        vm_size="STANDARD_D2S_V3",
        target_dedicated_nodes=1,
        task_slots_per_node=4,
        virtual_machine_configuration=models.VirtualMachineConfiguration(
            image_reference=image, node_agent_sku_id="batch.node.ubuntu 22.04"
        ),
    )
    batch.pool.add(pool)
    until(lambda: batch.pool.get("fourteen").allocation_state == models.AllocationState.steady)
    seen["pool exists"] = batch.pool.exists("fourteen")
    seen["nodes"] = [node.state.value for node in batch.compute_node.list("fourteen")]
    batch.job.add(models.JobAddParameter(id="job", pool_info=models.PoolInformation(pool_id="fourteen")))
    constraints = models.TaskConstraints(max_wall_clock_time=timedelta(minutes=5))
    tasks = [
        models.TaskAddParameter(id=f"t{i:03}", command_line=f"echo {i}", constraints=constraints)
        for i in range(150)
    ]
    # Two requests: the collection is split at a hundred.
    added = batch.task.add_collection("job", tasks, threads=2).value
    seen["added"] = sorted({result.status.value for result in added})
    seen["added again"] = code_of(lambda: batch.task.add("job", tasks[0]))
    until(lambda: batch.job.get_task_counts("job").task_counts.completed == 150)
    counts = batch.job.get_task_counts("job").task_counts
    seen["counts"] = [counts.active, counts.running, counts.succeeded, counts.failed]
    options = models.TaskListOptions(filter="state eq 'completed'", select="id,state", max_results=40)
    seen["listed"] = len(list(batch.task.list("job", task_list_options=options)))
    seen["stdout"] = b"".join(batch.file.get_from_task("job", "t042", "stdout.txt")).decode()
    properties = batch.file.get_properties_from_task("job", "t042", "stdout.txt", raw=True)
    seen["length"] = properties.headers["Content-Length"]
    seen["files"] = [file.name for file in batch.file.list_from_task("job", "t042", recursive=True)]
    seen["missing"] = code_of(lambda: batch.task.get("job", "none"))
    batch.job.patch("job", models.JobPatchParameter(priority=7))
    seen["priority"] = batch.job.get("job").priority
    batch.job.terminate("job", terminate_reason="enough")
    until(lambda: batch.job.get("job").state == models.JobState.completed)
    seen["reason"] = batch.job.get("job").execution_info.terminate_reason
    batch.job.delete("job")
    until(lambda: code_of(lambda: batch.job.get("job")) == "JobNotFound")
    batch.pool.delete("fourteen")
    until(lambda: not batch.pool.exists("fourteen"))
    seen["pools"] = [pool.id for pool in batch.pool.list()]
    return seen


sys.stdout.write(json.dumps(main(*sys.argv[1:])))
