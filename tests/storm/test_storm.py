"""The storm itself: a short one over the real stack, its plan, and its exit code."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from batchmgr.devstack.azurite import find_azurite
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.errors import StackError
from tests.storm import __main__ as command
from tests.storm.job_kinds import WEIGHTS, Fate
from tests.storm.storm_plan import StormOptions, draw_plan
from tests.storm.storm_run import StormResult
from tests.storm.trouble_kinds import TROUBLES

SEED = 1
TIMEOUT_S = 400
"""Much more than needed: about half a minute on a quiet machine."""


@pytest.mark.thorough
def test_every_job_ends_in_a_short_storm() -> None:
    find_azurite(PROJECT)
    storm = subprocess.run(
        [sys.executable, "-m", "tests.storm", "--short", "--seed", str(SEED), "--patience", "300"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert storm.returncode == 0, storm.stdout + storm.stderr
    assert storm.stdout.endswith("Every check holds.\n")


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    first, again, other = (draw_plan(StormOptions(seed=seed)) for seed in (7, 7, 8))
    assert first == again
    assert list(first.lines()) != list(other.lines())


@pytest.mark.parametrize("seed", range(20))
def test_a_storm_has_every_kind_of_job_and_of_trouble(seed: int) -> None:
    plan = draw_plan(StormOptions(seed=seed))
    assert {job.kind for job in plan.jobs} == set(WEIGHTS)
    assert {trouble.kind for trouble in plan.troubles} == set(TROUBLES)
    assert len({job.job_id for job in plan.jobs}) == len(plan.jobs) == 60
    moments = [*(job.at for job in plan.jobs), *(trouble.at for trouble in plan.troubles)]
    assert 0 <= min(moments) < max(moments) <= plan.seconds
    assert all(job.receiver is None for job in plan.jobs if job.fate is not Fate.JOB)


@pytest.mark.parametrize("seed", range(20))
def test_a_twin_differs_from_a_job_that_is_sent_before(seed: int) -> None:
    plan = draw_plan(StormOptions(seed=seed))
    jobs = {job.job_id: job for job in plan.jobs}
    for twin in (job for job in plan.jobs if job.original is not None):
        original = jobs[twin.original or ""]
        assert original.fate is Fate.JOB
        assert twin.at >= original.at
        assert twin.message["jobId"] == original.job_id


def test_the_kill_of_a_short_storm_spares_messages_that_come_back_after_ten_minutes() -> None:
    troubles = draw_plan(StormOptions(seed=SEED, is_short=True)).troubles
    kills = [trouble for trouble in troubles if trouble.kind == "kill_host"]
    assert [kill.details["when_submitted"] for kill in kills] == [True]


@pytest.mark.parametrize(
    ("failures", "error", "code"),
    [([], None, 0), (["a job is lost"], None, 1), ([], StackError("no Azurite"), 2)],
)
def test_the_exit_code_says_how_the_storm_went(
    failures: list[str],
    error: Exception | None,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    async def run_storm(*_: object, **__: object) -> StormResult:
        if error is not None:
            raise ExceptionGroup("a part of the stack has ended", [error])
        return StormResult(failures=failures, figures=["jobs: 1 succeeded"])

    monkeypatch.setattr(command, "run_storm", run_storm)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["storm", "--seed", "7", "--jobs", "3"])
    assert command.main() == code
    said = capsys.readouterr()
    assert "Seed 7: 3 jobs" in said.out
    assert all(f"- {failure}" in said.out for failure in failures)
    assert ("no Azurite" in said.err) == (error is not None)
