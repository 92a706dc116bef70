"""The workload: one task on several nodes."""

from __future__ import annotations

from datetime import timedelta

from batchmgr import (
    BatchClient,
    InvalidJobError,
    JobManager,
    JobManagerBuilder,
    MultiInstanceSettings,
    OutputFileSpecification,
    WorkloadBase,
)
from heat_rod.tasks import ROD_FILE, CoolRodTask, RodInputs

DEFAULTS = {"nodes": 3, "cells": 300, "steps": 2_000, "port": 5711}
MAXIMA = {"nodes": 100, "cells": 100_000, "steps": 1_000_000, "port": 65_535}


class HeatRodJobManager(JobManager):
    """Adds one task that runs on the number of nodes in the inputs."""

    def create_job(self) -> None:
        """Add the task. The coordination command starts a rank on each node, in the background."""
        inputs = self._read_inputs()
        port = inputs["port"]
        rod = RodInputs(cells=inputs["cells"], steps=inputs["steps"], port=port)
        task = self.add_workload_task(CoolRodTask, rod)
        task.display_name = f"{inputs['cells']} cells on {inputs['nodes']} nodes"
        task.multi_instance_settings = MultiInstanceSettings(
            number_of_instances=inputs["nodes"],
            coordination_command_line=f"/bin/sh -c 'python3 -m heat_rod.rank {port} &'",
        )
        task.max_task_retry_count = 1
        task.max_wall_clock_time = timedelta(hours=1)
        task.output_files.append(
            OutputFileSpecification(
                source_file_path=ROD_FILE,
                container_name=self.context.container_name,
                storage_account_name=self.context.storage_account_name,
                target_blob_path=ROD_FILE,
            )
        )

    def _read_inputs(self) -> dict[str, int]:
        for name in self.inputs:
            if name not in DEFAULTS:
                known = ", ".join(DEFAULTS)
                raise InvalidJobError(f"unknown; the inputs are {known}", field=f"inputs.{name}")
        inputs = {**DEFAULTS, **self.inputs}
        for name, maximum in MAXIMA.items():
            if type(inputs[name]) is not int or not 1 <= inputs[name] <= maximum:
                raise InvalidJobError(
                    f"must be an integer from 1 to {maximum}, not {inputs[name]!r}", field=f"inputs.{name}"
                )
        if inputs["nodes"] > inputs["cells"]:
            raise InvalidJobError(
                "must not be greater than cells: every node needs a cell", field="inputs.nodes"
            )
        return inputs


class HeatRodJobManagerBuilder(JobManagerBuilder):
    """Builds the job manager of this workload."""

    job_manager_type = HeatRodJobManager


class HeatRodWorkload(WorkloadBase):
    """Computes how a rod cools, on several nodes at once."""

    def __init__(self, batch_client: BatchClient | None = None) -> None:
        super().__init__(batch_client, job_manager_builder_type=HeatRodJobManagerBuilder)
        self._entry_points_repository.register_entry_point(CoolRodTask)
