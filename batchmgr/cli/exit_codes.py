"""The exit codes that tell how a job has ended. 1 is the command's own failure, and 2 a wrong argument."""

FAILED = 100
NOT_FINISHED = 101
NOT_FOUND = 102

OF_STATES = {
    "succeeded": 0,
    "failed": FAILED,
    "cancelled": 103,
    "partial": 104,
    "timed_out": 105,
    "rejected": 106,
}


def exit_code_of(state: str) -> int:
    """Return the exit code for the state of a job. A final state that is new here counts as a failure."""
    from batchmgr.client.answers import FINAL_STATES

    return OF_STATES.get(state, FAILED if state in FINAL_STATES else NOT_FINISHED)
