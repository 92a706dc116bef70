"""Any task factory gives a valid job or an InvalidJobError. The examples in the docstrings run."""

import contextlib
import doctest
import importlib
import json
import shlex
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.errors import InvalidJobError
from batchmgr.factories.factory_tasks import MERGE_ID
from batchmgr.plan.plan_rules import plan_problems
from batchmgr.steps.check_message import check_message, message_problems
from batchmgr.steps.expand_factory import expand_provisionally
from batchmgr.steps.plan_job import plan_unchecked
from batchmgr.wire.job_message import decode_job
from batchmgr.wire.json_codec import encode
from tests.plans import plan_factory

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
            plan = plan_factory("job-1", message)
            assert [task.id for task in plan.tasks] == [task.id for task in list(plan.tasks)]
            assert all(shlex.split(task.command_line) for task in plan.tasks)
            for task in plan.tasks:
                made_anew = replace(
                    task,
                    input_files=tuple(map(replace, task.input_files)),
                    output_files=tuple(map(replace, task.output_files)),
                )
                assert (made_anew, made_anew.needs) == (task, task.needs)
        check_message(message)
        assert not problems


VALUES = st.lists(
    st.sampled_from(
        [
            *("1", "22", "-3", "a", "b.c", "x/y", "", ".", "..", "a b", "-", "é", "*", "c:", "/", "a/", "\\"),
            *("\n", "long" * 130, "v" * 250, "w" * 1020),
        ]
    ),
    min_size=1,
    max_size=6,
)
PLACED = st.sampled_from(
    ["{x}", "{y}", "{x}/{y}", "{x}{y}", "{x}.{y}", "a/{x}", "{x}:{y}", "{x}" * 3, "{y}" * 5, "outputs.json"]
)
URL = st.sampled_from(
    ["https://host/{x}?{y}", "{x}://host/a", "https://{x}/{y}", "https://h:{y}/", "http:{x}"]
)


@given(
    x=VALUES,
    y=VALUES,
    combine=st.sampled_from(["product", "zip"]),
    texts=st.tuples(PLACED, PLACED, PLACED, PLACED, URL),
    merges=st.booleans(),
)
def test_if_the_examples_of_a_factory_keep_the_rules_all_its_tasks_do(
    x: list[str], y: list[str], combine: str, texts: tuple[str, ...], merges: bool
) -> None:
    name, source, target, written, url = texts
    size = min(len(x), len(y))
    if combine == "zip":
        x, y = x[:size], y[:size]
    factory: dict[str, Any] = {
        "type": "parametricSweep",
        "combine": combine,
        "parameters": {"x": {"values": x}, "y": {"values": y}},
        "repeatTask": {
            "commandLine": "run {x} {y}",
            "displayName": name,
            "inputFiles": [{"httpUrl": url, "targetFilePath": source}],
            "outputFiles": [
                {"sourceFilePath": written, "targetBlobPath": target},
                {"sourceFilePath": "*.txt", "targetBlobPath": "{x}"},
            ],
        },
    }
    if merges:
        factory["mergeTask"] = {"commandLine": "cat"}
    message = decode_job(json.dumps({"jobId": "job-1", "taskFactory": factory}).encode())
    assert message.task_factory is not None
    try:
        tasks = expand_provisionally("job-1", message.task_factory)
    except InvalidJobError:
        return  # two tasks write one blob, which every task is asked about
    plan = plan_unchecked(
        "job-1", message, workloads=WorkloadRegistry({}), default_pool_id="p", factory_tasks=tasks
    )
    whole = replace(plan, tasks=tuple(plan.tasks), examples=())
    assert any(True for _ in plan_problems(plan)) == any(True for _ in plan_problems(whole))
    assert plan.container_needs == whole.container_needs
    assert [task.id for task in tasks if task.is_leaf] == list(tasks.leaves)
    assert {task.id for task in plan.examples} <= {task.id for task in whole.tasks}
    assert (plan.examples[-1].id == MERGE_ID) == merges


@pytest.mark.parametrize("name", ["text_template", "command_template", "blob_patterns", "typical_values"])
def test_the_examples_in_the_docstrings_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"batchmgr.factories.{name}"))
    assert (result.failed, result.attempted > 0) == (0, True)
