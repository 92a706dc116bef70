"""The output file that keeps a task's stdout and stderr in the job's container, beside those of its author.

Every task has it, so it is encoded once for a job, and only the task's id is put into it.
"""

from typing import Self

import msgspec

from batchmgr.batch_bodies.file_bodies import output_file
from batchmgr.model.container_access import StorageAccess
from batchmgr.plan.file_specifications import OutputFileSpecification
from batchmgr.plan.ids import job_container
from batchmgr.plan.job_plan import KEPT_FOLDER, JobPlan

STREAMS = "../std*.txt"
_ID = "~"
"""Stands for the id of a task. No id, no signature and no URL of a container has this character."""


class KeptStreams:
    """Makes the output file of each task of one job."""

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after

    @classmethod
    def of(cls, plan: JobPlan, access: StorageAccess) -> Self | None:
        """Return what makes the output files for this plan, or None if nothing is kept."""
        need = plan.kept_need
        if need is None:
            return None
        file = OutputFileSpecification(
            source_file_path=STREAMS,
            container_name=job_container(plan.job_id),
            target_blob_path=f"{KEPT_FOLDER}/{_ID}",
            upload_condition=plan.keep_streams,
        )
        body = msgspec.json.encode(output_file(file, {file.need: access[need]}))
        before, _, after = body.rpartition(_ID.encode())
        return cls(before, after)

    def output_file(self, task_id: str) -> msgspec.Raw:
        """Return the output file of a task."""
        return msgspec.Raw(self._before + task_id.lower().encode() + self._after)
