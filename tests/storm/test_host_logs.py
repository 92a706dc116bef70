"""The logs of the hosts are searched for functions that failed."""

from pathlib import Path

from tests.storm.host_logs import FunctionError, function_errors

LOG = """\
[2026-01-01T00:00:00.000Z] Executing 'Functions.poll_jobs' (Reason='…')
[2026-01-01T00:00:01.000Z] job a could not be polled; the next poll tries again
Traceback (most recent call last):
  File "poll.py", line 1, in guarded
KeyError: 'first'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "poll.py", line 2, in guarded
batchmgr.errors.ServiceBusyError: Azure Batch answered 500
[2026-01-01T00:00:02.000Z] Executed 'Functions.poll_jobs' (Succeeded, Id=1, Duration=5ms)
[2026-01-01T00:00:03.000Z] Executed 'Functions.create_job' (Failed, Id=2, Duration=5ms)
  + Exception Group Traceback (most recent call last):
  | ExceptionGroup: unhandled errors (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    | ValueError: too large
    +------------------------------------
"""


def test_functions_that_failed_are_found_with_their_last_error(tmp_path: Path) -> None:
    (tmp_path / "host-0").mkdir()
    (tmp_path / "host-0" / "start-1.log").write_text(LOG)
    assert list(function_errors(tmp_path)) == [
        FunctionError(function="polled", error="ServiceBusyError: Azure Batch answered 500"),
        FunctionError(function="create_job", error="ValueError: too large"),
    ]


def test_only_errors_that_a_storm_explains_are_expected() -> None:
    assert FunctionError(function="poll_jobs", error="ServiceBusyError: busy").is_expected
    assert FunctionError(function="create_job", error="WorkerLostError: it has ended").is_expected
    assert not FunctionError(function="create_job", error="ServiceBusyError: busy").is_expected
    assert not FunctionError(function="submit_job", error="KeyError: 'a'").is_expected


def test_a_service_that_was_busy_is_known_by_the_line_alone(tmp_path: Path) -> None:
    (tmp_path / "host-0").mkdir()
    line = "[2026-01-01T00:00:01.000Z] job a could not be polled; the next poll tries again: answered 429\n"
    (tmp_path / "host-0" / "start-1.log").write_text(line)
    (found,) = function_errors(tmp_path)
    assert found == FunctionError(function="polled", error="ServiceBusyError: answered 429")
    assert found.is_expected
