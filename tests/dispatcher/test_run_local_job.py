"""Tests whole jobs in one process: their files, events and outcome."""

import logging
import os
import sys
from pathlib import Path

import pytest

from tests.dispatcher.conftest import Local
from tests.dispatcher.letters import planned


def test_tasks_run_after_those_they_wait_for_and_files_go_from_one_to_the_next(local: Local) -> None:
    run = local(
        {
            "does": "write",
            "files": {"parts/a.txt": "A", "parts/b.txt": "B", "parts/.c.txt": "C"},
            "out": {"parts/*.txt": ["letters"]},
        },
        {"does": "join", "in": {"before": "/letters/"}, "after": [1], "out": {"joined": ["all"]}},
        end={
            "does": "join",
            "in": {"x.txt": "/all"},
            "out": {"joined": ["result"], "../stdout.txt": ["log"]},
        },
    )
    assert (run.code, run.err) == (0, "")
    assert run.blob("all") == "before/letters/a.txt=A;before/letters/b.txt=B;"
    assert run.blob("result") == f"x.txt={run.blob('all')};"
    assert run.types == [
        "job.queued",
        "job.submitting",
        "job.running",
        "task.running 1",
        "task.succeeded 1",
        "task.running 2",
        "task.succeeded 2",
        "task.running batchmgr-finalize",
        "task.succeeded batchmgr-finalize",
        "job.finalizing",
        "job.succeeded",
    ]
    assert [int(event["sequence"]) for event in run.events] == list(range(1, len(run.events) + 1))
    assert [result["name"] for result in run.outcome["results"]] == ["result", "log"]
    assert "batchmgr-local/letters/storage/job-letters/result" in run.out
    assert run.callback["StatusCode"] == "200"


def test_a_failure_blocks_what_waits_for_it_and_the_job_is_partial(local: Local) -> None:
    run = local({}, {"does": "fail", "name": "Divider"}, {"after": [2]})
    assert run.code == 1
    assert run.outcome["state"] == "partial"
    assert run.outcome["counts"]["active"] == 1
    assert run.types[-3:] == ["task.succeeded batchmgr-finalize", "job.finalizing", "job.partial"]
    assert not (run.directory / "tasks" / "3").exists()
    assert "Traceback" in run.err
    assert run.task("2", "stderr.txt") == run.err
    message = run.outcome["error"]["message"]
    assert message == "1 of 3 tasks failed. 1 did not run. Divider: nothing goes into nothing"
    assert message in run.out
    assert "see batchmgr-local/letters/tasks/2/stderr.txt" in run.out
    [failed] = [event["data"] for event in run.events if event["type"] == "batchmgr.task.failed"]
    assert failed["exitCode"] == 1
    assert failed["error"]["type"] == "ZeroDivisionError"
    assert failed["error"]["stderr"] == run.err


def test_the_finalize_task_runs_although_a_task_that_nobody_waits_for_failed(local: Local) -> None:
    run = local({"does": "fail"}, {}, end={"does": "succeed"})
    assert run.code == 1
    assert "task.succeeded batchmgr-finalize" in run.types
    assert run.outcome["error"]["message"].startswith("1 of 2 tasks failed.")


def test_a_job_is_failed_when_no_task_succeeds(local: Local) -> None:
    run = local({"does": "fail"})
    assert (run.code, run.outcome["state"], run.callback["StatusCode"]) == (1, "failed", "500")


def test_a_failed_finalize_task_has_its_own_error_code(local: Local) -> None:
    run = local({}, end={"does": "fail"})
    assert run.code == 1
    assert run.outcome["error"] == {
        "code": "FinalizeTaskFailed",
        "message": "All tasks succeeded, but the FinalizeTask failed: nothing goes into nothing",
    }
    assert '"succeeded": false' in run.blob("letters.json", "batchmgr-finalize")


def test_unusable_input_is_reported_in_one_line(local: Local) -> None:
    run = local({"does": "refuse"})
    assert run.err == "Invalid input: the file is empty\n"
    [failed] = run.outcome["failedTasks"]
    assert (failed["exitCode"], failed["error"]["category"]) == (2, "BadInput")


@pytest.mark.parametrize(("code", "exit_code"), [(0, 0), (3, 1)])
def test_a_task_may_end_by_itself(local: Local, code: int, exit_code: int) -> None:
    assert local({"does": "leave", "code": code}).code == exit_code


def test_a_task_is_tried_again_where_it_was_as_often_as_it_may_be(local: Local) -> None:
    run = local({"does": "fail_once", "retries": 1})
    assert run.code == 0
    assert "task.retried 1" in run.types
    assert "task.failed 1" not in run.types
    run = local({"does": "fail", "retries": 2})
    ids = {event["id"] for event in run.events}
    assert {f"jobs/letters/tasks/1/task.{end}" for end in ("retried/1", "retried/2", "failed/2")} <= ids
    assert run.out.count("is retried") == 2


def test_files_are_kept_when_their_condition_holds(local: Local) -> None:
    conditions = ("taskSuccess", "taskFailure", "taskCompletion")
    kept = {"taskSuccess": {"write": True}, "taskFailure": {"fail": True}}
    for action in ("fail", "write"):
        for condition in conditions:
            task = {"does": action, "files": {"half.txt": "half"}, "out": {"half.txt": ["kept", condition]}}
            run = local(task)
            is_kept = kept.get(condition, {"write": True, "fail": True}).get(action, False)
            assert (run.directory / "storage" / "job-letters" / "kept").exists() == is_kept


def test_what_tasks_say_is_shown_and_kept(local: Local) -> None:
    # A workload's __main__ also creates its handler before any task runs.
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger("letters").addHandler(handler)
    try:
        run = local({"does": "speak"}, {})
    finally:
        logging.getLogger("letters").removeHandler(handler)
    assert run.task("1", "stdout.txt") == "printed\nbytes\n"
    assert "printed\nbytes\n" in run.out
    assert run.task("1", "stderr.txt") == run.err == "logged\n"
    assert run.task("2", "stdout.txt") == "2 is done\n"


def test_a_task_has_its_place_and_its_variables_and_leaves_nothing_behind(
    local: Local, tmp_path: Path
) -> None:
    argv, environment, streams = list(sys.argv), dict(os.environ), (sys.stdout, sys.stderr)
    run = local({"does": "wander", "environment": {"LETTER": "a"}}, {})
    said = run.task("1", "stdout.txt")
    assert str(run.directory / "tasks" / "1" / "wd") in said.split()[0]
    assert "'AZ_BATCH_JOB_ID': 'letters'" in said
    assert "'AZ_BATCH_TASK_ID': '1'" in said
    assert "'LETTER': 'a'" in said
    assert str(argv) in said
    assert Path.cwd() == tmp_path
    assert (list(sys.argv), dict(os.environ)) == (argv, environment)
    assert (sys.stdout, sys.stderr) == streams
    assert run.task("2", "stdout.txt") == "2 is done\n"


def test_a_task_may_have_an_event_loop_of_its_own(local: Local) -> None:
    assert local({"does": "use_a_loop"}, {"does": "use_a_loop"}).code == 0


def test_tasks_report_and_the_finalize_task_has_the_manifest_of_all(local: Local) -> None:
    end = {"does": "tally", "out": {"tally": ["tally"]}}
    run = local({"does": "report"}, {"does": "fail"}, {"after": [2]}, end=end)
    assert {"task.progress 1", "task.result 1"} <= set(run.types)
    assert "Task 1 is at 25%: a quarter" in run.out
    assert run.outcome["taskResults"] == [{"taskId": "1", "result": {"letters": 26}}]
    assert run.blob("tally").splitlines() == [
        "1 completed success 0 ",
        "2 completed failure 1 ZeroDivisionError: nothing goes into nothing",
        "3 active  None ",
    ]


def test_exit_conditions_let_others_go_on_or_end_the_job(local: Local) -> None:
    run = local({"does": "fail", "then": {"dependency_action": "satisfy"}}, {"after": [1]})
    assert "task.succeeded 2" in run.types
    run = local({"does": "fail", "then": {"job_action": "terminate"}}, {})
    assert run.code == 1
    assert not (run.directory / "tasks" / "2").exists()
    run = local({"does": "fail", "then": {"job_action": "disable"}}, {})
    assert run.code == 130
    assert "A task's exit conditions have disabled the job" in run.out


def test_an_interrupted_task_cancels_the_job(local: Local) -> None:
    run = local({}, {"does": "interrupt"}, {})
    assert (run.code, run.err) == (130, "")
    assert run.types[-4:] == ["task.running 2", "task.failed 2", "job.finalizing", "job.cancelled"]
    assert run.outcome["counts"] == {"active": 2, "running": 0, "completed": 2, "succeeded": 1, "failed": 1}
    assert run.callback["Error"] == {"ErrorCode": "Cancelled", "Message": "The job was cancelled."}


def test_the_job_is_created_once(local: Local) -> None:
    local({}, {})
    assert planned == ["letters"]


def test_only_the_events_that_are_asked_for_are_shown_and_all_are_kept(local: Local) -> None:
    run = local({}, args=("--notify", "job.succeeded", "task.failed"))
    lines = [line for line in run.out.splitlines() if " s  " in line]
    assert len(lines) == 1
    assert "The job succeeded." in lines[0]
    assert "task.succeeded 1" in run.types


def test_what_only_nodes_have_is_ignored_and_a_line_says_so(local: Local) -> None:
    run = local({}, container="ubuntu:16.04")
    assert run.code == 0
    assert "Not used in a local run, which has no nodes: the job preparation task, containers." in run.out


def test_a_time_limit_without_effect_is_reported(local: Local) -> None:
    assert "Time limits do not apply" in local({"limit": 60}).out
    assert "Time limits" not in local({}).out
