"""Any task factory gives a valid job or an InvalidJobError. The examples in the docstrings run."""

import contextlib
import doctest
import importlib
import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.errors import InvalidJobError
from batchmgr.steps.check_message import check_message, message_problems
from batchmgr.steps.expand_factory import expand_provisionally
from batchmgr.steps.plan_job import plan_job
from batchmgr.wire.job_message import decode_job
from batchmgr.wire.json_codec import encode

TEXT = st.sampled_from(["{0}", "{x}", "{{", "{", "}", "a b", "'", '"{0}"', "sh -c {0}", "\0", "..", "*", ""])
GOOD = st.sampled_from(["a", "{0}", "a-{0}", "b/{0}.txt"])
TEXTS = GOOD | GOOD | GOOD | st.lists(TEXT | st.text(max_size=5), max_size=4).map(" ".join)
NUMBER = st.integers(-3, 40) | st.decimals(-2, 2, places=2).map(float) | st.sampled_from([1e300, 1e-300])
PARAMETER = st.fixed_dictionaries(
    {}, optional={"start": NUMBER, "end": NUMBER, "step": NUMBER}
) | st.fixed_dictionaries({"values": st.lists(NUMBER | TEXTS, min_size=1, max_size=4)})
FILE = st.fixed_dictionaries({"targetFilePath": TEXTS}, optional={"sourceBlobPath": TEXTS, "httpUrl": TEXTS})
TASK = st.fixed_dictionaries(
    {"commandLine": TEXTS.filter(bool)},
    optional={
        "displayName": TEXTS,
        "environment": st.dictionaries(st.sampled_from(["A", "B C"]), TEXTS),
        "inputFiles": st.lists(FILE, max_size=2),
        "outputFiles": st.lists(
            st.fixed_dictionaries({"sourceFilePath": TEXTS.filter(bool), "targetBlobPath": TEXTS}), max_size=2
        ),
    },
)
SWEEP = st.fixed_dictionaries(
    {
        "type": st.just("parametricSweep"),
        "parameters": st.dictionaries(st.sampled_from(["x", "y", "z", "0"]), PARAMETER, max_size=2),
        "repeatTask": TASK,
    },
    optional={"combine": st.sampled_from(["product", "zip"]), "mergeTask": TASK},
)
PER_FILE = st.fixed_dictionaries(
    {
        "type": st.just("taskPerFile"),
        "source": st.fixed_dictionaries({"containerName": st.sampled_from(["abc", "A"])}),
        "repeatTask": TASK,
    }
)


@given(factory=SWEEP | PER_FILE)
def test_any_factory_gives_a_valid_job_or_is_rejected(factory: dict[str, Any]) -> None:
    body = json.dumps({"jobId": "job-1", "taskFactory": factory}).encode()
    with contextlib.suppress(InvalidJobError):
        message = decode_job(body)
        assert decode_job(encode(message)) == message
        problems = list(message_problems(message))
        if not problems:
            expanded = expand_provisionally(message)
            plan = plan_job("job-1", expanded, workloads=WorkloadRegistry({}), default_pool_id="p")
            assert [task.id for task in plan.tasks] == [task.id for task in expanded.tasks]
            assert all(shlex.split(task.command_line) for task in plan.tasks)
        check_message(message)
        assert not problems


@pytest.mark.parametrize("name", ["text_template", "command_template", "blob_patterns"])
def test_the_examples_in_the_docstrings_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"batchmgr.factories.{name}"))
    assert (result.failed, result.attempted > 0) == (0, True)
