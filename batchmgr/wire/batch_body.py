"""The bodies of Azure Batch requests, as JSON values, built once from the plan (api-version 2025-06-01)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

import msgspec

from batchmgr.errors import InvalidJobError
from batchmgr.model.plan import ContainerNeed, InputFile, JobPlan, OutputFile, TaskPlan

Json = dict[str, object]

DIGEST_NAME = "batchmgr:digest"
"""Name of the metadata item by which batchmgr knows the Batch jobs it made."""

MAX_TASKS_PER_COLLECTION = 100
MAX_COLLECTION_BYTES = 1_000_000
_ROOM = MAX_COLLECTION_BYTES - len(b'{"value":[]}') - 1
MAX_DEPENDENCY_CHARACTERS = 64_000
_INTEGER_ID = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ContainerGrant:
    """How a node reaches a container: its URL, and either a SAS (`query`, without `?`) or an identity."""

    url: str
    query: str = ""
    identity_reference: str = ""

    def blob_url(self, path: str) -> str:
        """The URL of one blob, signed where the grant is a SAS."""
        return self._signed(f"{self.url}/{quote(path)}")

    @property
    def container_url(self) -> str:
        """The URL of the container, signed where the grant is a SAS."""
        return self._signed(self.url)

    @property
    def identity(self) -> Json:
        """The `identityReference` property, if the grant is an identity."""
        return (
            {"identityReference": {"resourceId": self.identity_reference}} if self.identity_reference else {}
        )

    def _signed(self, url: str) -> str:
        return f"{url}?{self.query}" if self.query else url


Grants = Mapping[ContainerNeed, ContainerGrant]


def job_body(plan: JobPlan, digest: str) -> Json:
    """The body that adds the job. It stays open for tasks; completion is set when they are all in."""
    body: Json = {
        "id": plan.job_id,
        "poolInfo": {"poolId": plan.pool_id},
        "usesTaskDependencies": True,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
        "metadata": [{"name": DIGEST_NAME, "value": digest}],
    }
    if plan.max_wall_clock_time is not None:
        body["constraints"] = {"maxWallClockTime": duration(plan.max_wall_clock_time)}
    return body


def task_body(task: TaskPlan, grants: Grants) -> Json:
    """The body that adds one task."""
    constraints: Json = {"maxTaskRetryCount": task.max_task_retry_count}
    if task.max_wall_clock_time is not None:
        constraints["maxWallClockTime"] = duration(task.max_wall_clock_time)
    body: Json = {"id": task.id, "commandLine": task.command_line, "constraints": constraints}
    if task.display_name:
        body["displayName"] = task.display_name
    if task.environment:
        body["environmentSettings"] = [{"name": k, "value": v} for k, v in task.environment.items()]
    if task.input_files:
        body["resourceFiles"] = [_resource_file(file, grants) for file in task.input_files]
    if task.output_files:
        body["outputFiles"] = [_output_file(file, grants) for file in task.output_files]
    if task.depends_on:
        body["dependsOn"] = dependencies(task.id, task.depends_on)
    if task.required_slots != 1:
        body["requiredSlots"] = task.required_slots
    if task.is_leaf:
        satisfy = {"dependencyAction": "satisfy"}
        body["exitConditions"] = {
            "default": satisfy,
            "preProcessingError": satisfy,
            "fileUploadError": satisfy,
        }
    return body


def dependencies(task_id: str, parents: Iterable[str]) -> Json:
    """The `dependsOn` property: runs of integer ids as ranges, the rest by id.

    Raises InvalidJobError where the ids are longer than Azure Batch takes.
    """
    ids = list(dict.fromkeys(parents))
    numbers = sorted(int(task) for task in ids if _INTEGER_ID.fullmatch(task))
    named = [task for task in ids if not _INTEGER_ID.fullmatch(task)]
    if sum(map(len, named)) > MAX_DEPENDENCY_CHARACTERS:
        raise InvalidJobError(
            f"{len(named)} tasks are waited for by {task_id!r}, with more than {MAX_DEPENDENCY_CHARACTERS} "
            "characters of ids: use integer ids (1, 2, 3, …), which become ranges",
            field="tasks",
        )
    body: Json = {}
    if named:
        body["taskIds"] = named
    if numbers:
        body["taskIdRanges"] = [{"start": start, "end": end} for start, end in _runs(numbers)]
    return body


def collections(tasks: Iterable[TaskPlan], grants: Grants) -> Iterator[bytes]:
    """The JSON of add-task-collection requests: at most 100 tasks and 1 MB each, in the order of the tasks.

    Raises InvalidJobError for a task that is too large by itself.
    """
    return packed(encoded_tasks(tasks, grants))


def encoded_tasks(tasks: Iterable[TaskPlan], grants: Grants) -> Iterator[bytes]:
    """The JSON of each task. Raises InvalidJobError for one that is larger than a request may be."""
    for task in tasks:
        part = msgspec.json.encode(task_body(task, grants))
        if len(part) > _ROOM:
            raise InvalidJobError(
                f"task {task.id!r} is larger than the 1 MB that Azure Batch takes", field="tasks"
            )
        yield part


def packed(encoded: Iterable[bytes]) -> Iterator[bytes]:
    """The JSON of requests that hold these tasks, as few as can be without changing the order."""
    parts: list[bytes] = []
    size = 0
    for part in encoded:
        if len(parts) == MAX_TASKS_PER_COLLECTION or size + len(part) > _ROOM:
            yield _collection(parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield _collection(parts)


def _collection(parts: list[bytes]) -> bytes:
    return b'{"value":[' + b",".join(parts) + b"]}"


def duration(value: timedelta) -> str:
    """An ISO 8601 duration as Azure Batch reads it: `P1DT2H`, `PT0.5S`."""
    return str(msgspec.to_builtins(value))


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    start = end = numbers[0]
    for number in numbers[1:]:
        if number != end + 1:
            yield start, end
            start = number
        end = number
    yield start, end


def _resource_file(file: InputFile, grants: Grants) -> Json:
    if file.http_url:
        return {"httpUrl": file.http_url, "filePath": file.target_file_path}
    grant = grants[file.need]
    if file.is_prefix:
        source: Json = {"storageContainerUrl": grant.container_url, "blobPrefix": file.source_blob_path}
    else:
        source = {"httpUrl": grant.blob_url(file.source_blob_path)}
    return {**source, "filePath": file.target_file_path, **grant.identity}


def _output_file(file: OutputFile, grants: Grants) -> Json:
    grant = grants[file.need]
    container: Json = {"containerUrl": grant.container_url, **grant.identity}
    if file.target_blob_path:
        container["path"] = file.target_blob_path
    return {
        "filePattern": file.source_file_path,
        "destination": {"container": container},
        "uploadOptions": {"uploadCondition": file.upload_condition},
    }
