"""What batchmgr costs beside another way to do the same work, in one run. Times depend on the machine.

`make bench` measures more, and takes longer: `docs/performance.md` has its numbers. What an idle job costs a
poll is counted by `tests/usecases/test_shared_polls.py`, and the import by `tests/functions/test_import.py`.
"""

from statistics import median

from benchmarks.scale.services import running_azurite, stub_batch
from benchmarks.scale.submission import cost_of, taking_turns

TASKS = 3000
RUNS = 2
MOST = 0.4
"""Of the processor time of `create_tasks`. A sixth to a quarter was measured."""


def test_a_job_costs_a_fraction_of_the_processor_time_of_create_tasks() -> None:
    with running_azurite() as storage, stub_batch(0) as url:
        costs = taking_turns(
            ("batchmgr", "create_tasks"), lambda way: cost_of(way, url, TASKS, storage), RUNS
        )
    cpu = {way: median(cost.cpu for cost in costs[way]) for way in costs}
    assert cpu["batchmgr"] < MOST * cpu["create_tasks"]
