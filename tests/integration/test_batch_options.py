"""Every option of Azure Batch that a job can use has its effect, on real tasks, files and containers."""

import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from fakebatch.simulation.simulation_plan import parse_plan as simulation
from tests.integration.emulated_services import EmulatedServices, start_services, succeeded
from tests.integration.messages import Json, job, output, task
from tests.integration.wait_until import until

_numbers = itertools.count(1)
IDENTITY = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader"
)
FINALIZE = FINALIZE_TASK_ID


@pytest.fixture
async def services(tmp_path: Path, connection_string: str) -> AsyncIterator[EmulatedServices]:
    async with start_services(tmp_path, connection_string) as running:
        yield running


async def test_a_thousand_named_leaves_are_gathered_and_the_finalize_task_runs(
    tmp_path: Path, connection_string: str
) -> None:
    async with start_services(tmp_path, connection_string, simulation=simulation("duration=1s")) as services:
        await run_a_thousand_leaves(services)


async def run_a_thousand_leaves(services: EmulatedServices) -> None:
    ids = [f"leaf-{number:059d}" for number in range(1001)]
    record = await services.run(job("j", *({"id": name, "commandLine": "x"} for name in ids)))
    assert succeeded(record)
    assert record.run.total == 1001 + 2 + 1
    tasks = await services.tasks("j")
    assert sorted(set(tasks) - set(ids)) == [FINALIZE, "batchmgr-gather-1", "batchmgr-gather-2"]
    sent = await services.sent_task("j", FINALIZE)
    assert sent["dependsOn"] == {"taskIds": ["batchmgr-gather-1", "batchmgr-gather-2"]}


async def test_tasks_wait_for_dependencies_by_range_and_by_name(
    services: EmulatedServices, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    numbered = [task(str(number), f"echo {number} >> {log}") for number in range(1, 6)]
    after = task("z", f"echo z >> {log}", dependsOn=["named", "1", "2", "3", "5"])
    record = await services.run(job("j", after, *numbered, task("named", f"sleep 0.2; echo named >> {log}")))
    assert succeeded(record)
    lines = log.read_text().split()
    assert lines.index("z") > max(lines.index(name) for name in ("named", "1", "2", "3", "5"))
    sent = await services.sent_task("j", "z")
    ranges = [{"start": 1, "end": 3}, {"start": 5, "end": 5}]
    assert sent["dependsOn"] == {"taskIds": ["named"], "taskIdRanges": ranges}
    last = await services.sent_task("j", FINALIZE)
    assert last["dependsOn"] == {"taskIds": ["z"], "taskIdRanges": [{"start": 4, "end": 4}]}


SKIP: Json = {"exitCodes": [{"code": 3, "exitOptions": {"dependencyAction": "satisfy"}}]}


async def test_one_exit_code_satisfies_dependents_and_others_block_them(
    services: EmulatedServices,
) -> None:
    tasks = (
        task("passes", "exit 3", exitConditions=SKIP),
        task("goes-on", "true", dependsOn=["passes"]),
        task("blocks", "exit 4", exitConditions=SKIP),
        task("never", "true", dependsOn=["blocks"]),
    )
    record = await services.run(job("j", *tasks))
    found = await services.tasks("j")
    assert found["goes-on"].has_succeeded
    assert found["never"].state == "active"
    assert found[FINALIZE].has_succeeded
    assert record.state == "partial"
    assert (await services.sent_job("j"))["onTaskFailure"] == "noaction"


async def test_only_a_failure_with_a_job_action_ends_the_job(
    services: EmulatedServices, tmp_path: Path
) -> None:
    fatal = {"exitCodes": [{"code": 9, "exitOptions": {"jobAction": "terminate"}}]}
    seen = tmp_path / "seen"
    tasks = (
        task("harmless", "exit 1"),
        task("fatal", f"until test -e {seen}; do sleep 0.05; done; exit 9", exitConditions=fatal),
        task("endless", "sleep 600"),
    )
    await services.submit(job("j", *tasks))

    async def failed() -> bool:
        tasks = await services.tasks("j")
        return tasks["harmless"].has_failed and tasks["endless"].state == "running"

    await until(failed)
    assert not (await services.ports.batch.get_job("j")).has_ended
    seen.touch()
    record = await services.wait_for_end("j")
    assert (await services.sent_job("j"))["onTaskFailure"] == "performexitoptionsjobaction"
    assert (await services.ports.batch.get_job("j")).terminate_reason == "TaskFailed"
    assert record.state == "failed"
    assert record.error is not None
    assert "The Batch job was ended (TaskFailed)" in record.error.message


async def test_a_task_is_retried_up_to_its_limit(services: EmulatedServices, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"echo run >> {log}; test $(wc -l < {log}) -ge 3"
    record = await services.run(job("j", task("1", script, maxTaskRetryCount=2)))
    assert succeeded(record)
    assert (await services.tasks("j"))["1"].retry_count == 2
    assert log.read_text().split() == ["run"] * 3
    kinds = [event.type for event in await services.events("j")]
    assert kinds.count("batchmgr.task.retried") in {1, 2}


async def test_a_task_that_reaches_its_time_limit_is_ended(services: EmulatedServices) -> None:
    record = await services.run(job("j", task("1", "sleep 600", maxWallClockTime="PT1S")))
    failed = (await services.tasks("j"))["1"]
    assert failed.has_failed
    assert record.state == "failed"
    assert record.error is not None
    assert "maxWallClockTime" in record.error.message or "wall" in record.error.message.lower()


async def test_tasks_that_need_all_slots_do_not_run_together(services: EmulatedServices) -> None:
    record = await services.run(job("j", *(task(name, "sleep 0.3", requiredSlots=3) for name in "ab")))
    assert succeeded(record)
    runs = sorted((run for run in (await services.tasks("j")).values()), key=lambda run: str(run.start_time))
    first, second = [run for run in runs if run.task_id in "ab"]
    assert first.end_time is not None
    assert second.start_time is not None
    assert first.end_time <= second.start_time


async def test_tasks_have_the_environment_of_the_job_and_can_override_it(
    services: EmulatedServices,
) -> None:
    one = task("1", "echo $COMMON $OWN", environment={"OWN": "mine", "COMMON": "changed"})
    record = await services.run(job("j", one, task("2", "echo $COMMON"), environment={"COMMON": "all"}))
    assert succeeded(record)
    assert await services.text("j", "1") == "changed mine\n"
    assert await services.text("j", "2") == "all\n"


async def test_options_without_an_effect_in_the_fake_are_sent_unchanged(services: EmulatedServices) -> None:
    admin = {"scope": "task", "elevationLevel": "admin"}
    tasks = (task("1", retentionTime="P2D", userIdentity=admin), task("2", userIdentity={"userName": "ann"}))
    await services.submit(job("j", *tasks, poolId="idle", priority=-7, maxParallelTasks=3))
    sent = await services.sent_task("j", "1")
    assert sent["constraints"]["retentionTime"] == "P2D"
    assert sent["userIdentity"] == {"autoUser": {"scope": "task", "elevationLevel": "admin"}}
    assert (await services.sent_task("j", "2"))["userIdentity"] == {"username": "ann"}
    whole = await services.sent_job("j")
    assert (whole["priority"], whole["maxParallelTasks"]) == (-7, 3)


async def test_input_files_have_their_file_mode(services: EmulatedServices) -> None:
    await services.upload("inputs", "run.sh", b"#!/bin/sh\necho ran\n")
    script_file = {"containerName": "inputs", "sourceBlobPath": "run.sh"}
    files = [
        {
            "containerName": "inputs",
            "sourceBlobPath": "run.sh",
            "targetFilePath": "run.sh",
            "fileMode": "0750",
        },
        {**script_file, "targetFilePath": "plain.sh"},
    ]
    script = "./run.sh; stat -c %a run.sh plain.sh"
    assert succeeded(await services.run(job("j", task("1", script, inputFiles=files))))
    assert (await services.text("j", "1")).split() == ["ran", "750", "770"]


async def test_an_application_package_is_installed(services: EmulatedServices) -> None:
    packages = [{"applicationId": "tool", "version": "1.0"}, {"applicationId": "tool"}]
    script = "$AZ_BATCH_APP_PACKAGE_tool_1_0/bin/tool; $AZ_BATCH_APP_PACKAGE_tool/bin/tool"
    assert succeeded(await services.run(job("j", task("1", script, applicationPackages=packages))))
    assert await services.text("j", "1") == "installed\ninstalled\n"


async def test_a_task_runs_on_several_nodes_with_coordination_and_common_files(
    services: EmulatedServices, tmp_path: Path
) -> None:
    await services.upload("inputs", "mesh.txt", b"mesh")
    common = {"containerName": "inputs", "sourceBlobPath": "mesh.txt", "targetFilePath": "mesh.txt"}
    coordination = f"cat $AZ_BATCH_TASK_SHARED_DIR/mesh.txt > {tmp_path}/seen-$AZ_BATCH_NODE_ID"
    settings = {
        "numberOfInstances": 3,
        "coordinationCommandLine": f"/bin/sh -c '{coordination}'",
        "commonInputFiles": [common],
    }
    script = f"cat {tmp_path}/seen-*; echo; echo $AZ_BATCH_HOST_LIST"
    record = await services.run(job("j", task("1", script, multiInstanceSettings=settings), poolId="mpi"))
    assert succeeded(record)
    meshes, hosts = (await services.text("j", "1")).splitlines()
    assert meshes == "mesh" * 3
    assert len(set(hosts.split(","))) == 3


async def test_a_node_is_prepared_once_before_its_tasks_and_cleaned_up_after_the_job(
    services: EmulatedServices, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    await services.upload("inputs", "mesh.txt", b"mesh")
    mesh = {"containerName": "inputs", "sourceBlobPath": "mesh.txt", "targetFilePath": "mesh.txt"}
    prepare = {
        "commandLine": f"/bin/sh -c 'echo prepared $WHAT >> {log}; cat mesh.txt > m'",
        "inputFiles": [mesh],
        "environment": {"WHAT": "mesh"},
        "maxTaskRetryCount": 1,
    }
    release = {"commandLine": f"/bin/sh -c 'echo released >> {log}'", "maxWallClockTime": "PT1M"}
    tasks = [
        task(str(number), f"cat $AZ_BATCH_JOB_PREP_WORKING_DIR/m; echo task >> {log}") for number in range(3)
    ]
    record = await services.run(job("j", *tasks, jobPreparationTask=prepare, jobReleaseTask=release))
    assert succeeded(record)
    assert await services.text("j", "1") == "mesh"

    async def released() -> bool:
        return log.read_text().split()[-1] == "released"

    await until(released)
    assert log.read_text().splitlines() == ["prepared mesh", "task", "task", "task", "released"]


AUTO_POOL: Json = {
    "vmSize": "standard_d2s_v3",
    "image": {"publisher": "almalinux", "offer": "almalinux-hpc", "sku": "8", "version": "latest"},
    "nodeAgentSkuId": "batch.node.el 8",
}


@pytest.mark.parametrize(
    "scale",
    [
        {"targetDedicatedNodes": 1},
        {"autoscaleFormula": "$TargetDedicatedNodes = 1;", "autoscaleEvaluationInterval": "PT5M"},
    ],
    ids=["targets", "formula"],
)
async def test_an_auto_pool_is_created_for_the_job_and_deleted_after_it(
    services: EmulatedServices, tmp_path: Path, scale: Json
) -> None:
    gate = tmp_path / "gate"
    auto = {
        **AUTO_POOL,
        **scale,
        "taskSlotsPerNode": 2,
        "startTaskCommandLine": "/bin/sh -c 'echo started > $AZ_BATCH_NODE_SHARED_DIR/s'",
        "applicationPackages": [{"applicationId": "tool"}],
    }
    # The pool ends with the job, and its nodes with all their files: only blobs remain.
    script = f"until test -e {gate}; do sleep 0.05; done; "
    script += "(cat $AZ_BATCH_NODE_SHARED_DIR/s; $AZ_BATCH_APP_PACKAGE_tool/bin/tool) > out.txt"
    one = task("1", script, requiredSlots=2, outputFiles=[output("out.txt")])
    await services.submit(job("j", one, autoPool=auto))
    pool_id = str((await services.sent_job("j"))["executionInfo"]["poolId"])
    made = (await services.batch.get_pool(pool_id)).as_dict()
    assert made["enableAutoScale"] is ("autoscaleFormula" in scale)
    assert made.get("autoScaleFormula") == scale.get("autoscaleFormula")
    assert pool_id.startswith("batchmgr_")
    gate.touch()
    record = await services.wait_for_end("j")
    assert succeeded(record)
    assert await services.ports.files.read("j", "out.txt", 100) == b"started\ninstalled\n"

    async def removed() -> bool:
        return pool_id not in [pool.id async for pool in services.batch.list_pools()]

    await until(removed)


async def test_identities_are_sent_instead_of_signatures_for_every_kind_of_file(
    services: EmulatedServices,
) -> None:
    mine = {"identityReference": IDENTITY}
    blob = {"containerName": "inputs", "sourceBlobPath": "a.txt", "targetFilePath": "a.txt", **mine}
    prefix = {"containerName": "inputs", "sourceBlobPath": "parts/", "targetFilePath": "parts", **mine}
    other = {**blob, "storageAccountName": "genomes", "targetFilePath": "b.txt"}
    url = {"httpUrl": "https://elsewhere.blob.core.windows.net/c/x", "targetFilePath": "x", **mine}
    out = {"sourceFilePath": "out.txt", "targetBlobPath": "out.txt", **mine}
    registry = {"registryServer": "r.azurecr.io", "registryIdentityReference": IDENTITY}
    container = {"imageName": "r.azurecr.io/solver:1", **registry}
    settings = {"numberOfInstances": 2, "coordinationCommandLine": "true", "commonInputFiles": [blob]}
    one = task(
        "1",
        inputFiles=[blob, prefix, other, url],
        outputFiles=[out],
        containerSettings=container,
        multiInstanceSettings=settings,
    )
    node_task = {"commandLine": "true", "inputFiles": [blob]}
    message = job("j", one, poolId="idle", jobPreparationTask=node_task, jobReleaseTask=node_task)
    await services.submit(message)
    sent, whole = await services.sent_task("j", "1"), await services.sent_job("j")
    reference = {"resourceId": IDENTITY}
    files = [
        *sent["resourceFiles"],
        *sent["multiInstanceSettings"]["commonResourceFiles"],
        *whole["jobPreparationTask"]["resourceFiles"],
        *whole["jobReleaseTask"]["resourceFiles"],
    ]
    assert [file["identityReference"] for file in files] == [reference] * 7
    uploaded, kept = sent.pop("outputFiles")
    assert uploaded["destination"]["container"]["identityReference"] == reference
    assert kept["filePattern"] == "../std*.txt"  # to batchmgr's own account, by a signature
    assert sent["containerSettings"]["registry"]["identityReference"] == reference
    assert sent["resourceFiles"][2]["httpUrl"] == "https://genomes.blob.core.windows.net/inputs/a.txt"
    assert "sig=" not in json.dumps([sent, whole, uploaded])


RUNTIME = """#!/bin/sh
echo "$@" >> {log}
test "$1" = inspect && echo "c0ffee exited"
test "$1" = run || exit 0
while test "$1" != image:1; do shift; done
shift
exec "$@"
"""


@pytest.fixture
def runtime_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the log of the calls of a fake container runtime on the PATH."""
    log, programs = tmp_path / "calls", tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(RUNTIME.format(log=log))
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return log


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


async def test_tasks_run_in_their_container_and_so_does_the_finalize_task(
    services: EmulatedServices, runtime_calls: Path
) -> None:
    settings = {
        "imageName": "image:1",
        "containerRunOptions": "--shm-size=4g",
        "workingDirectory": "containerImageDefault",
    }
    record = await services.run(job("j", task("1", "echo inside", containerSettings=settings)))
    assert succeeded(record)
    assert await services.text("j", "1") == "inside\n"
    runs = [line for line in lines_of(runtime_calls) if line.startswith("run ")]
    assert len(runs) == 2
    assert all("--shm-size=4g image:1 /bin/sh" in line and " -w " not in line for line in runs)
