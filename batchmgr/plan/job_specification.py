"""What a job says beside its tasks: where it runs, how long, how urgently, and what its nodes need."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from batchmgr.plan.file_specifications import InputFileSpecification
from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.plan.task_options import ApplicationPackageReference, ContainerSettings, UserIdentity


@frozen_dataclass
class JobPreparationTask:
    """Runs once on each node before the job's first task there.

    >>> unpack = JobPreparationTask(command_line="tar -xf mesh.tar")

    The job's tasks find its working directory in `AZ_BATCH_JOB_PREP_WORKING_DIR`, which is not set for this
    task itself. Without `wait_for_success`, tasks start even where it failed.
    """

    command_line: str
    environment: dict[str, str] = field(default_factory=dict)
    input_files: tuple[InputFileSpecification, ...] = ()
    container_settings: ContainerSettings | None = None
    user_identity: UserIdentity | None = None
    max_task_retry_count: int = 0
    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = None
    wait_for_success: bool = True
    rerun_on_node_reboot_after_success: bool = True


@frozen_dataclass
class JobReleaseTask:
    """Runs on each node that the preparation task ran on, when the job is over: to clean up.

    >>> clean_up = JobReleaseTask(command_line="/bin/sh -c 'rm -rf /mnt/scratch/mesh'")
    """

    command_line: str
    environment: dict[str, str] = field(default_factory=dict)
    input_files: tuple[InputFileSpecification, ...] = ()
    container_settings: ContainerSettings | None = None
    user_identity: UserIdentity | None = None
    max_wall_clock_time: timedelta | None = None
    retention_time: timedelta | None = None


@frozen_dataclass
class ImageReference:
    """A virtual machine image: one of the marketplace, or by `virtual_machine_image_id` one of your own."""

    publisher: str = ""
    offer: str = ""
    sku: str = ""
    version: str = ""
    virtual_machine_image_id: str = ""


@frozen_dataclass
class AutoPoolSpecification:
    """A pool that Azure Batch makes for this job alone, and deletes after it.

    >>> pool = AutoPoolSpecification(
    ...     vm_size="Standard_HB120rs_v3",
    ...     image=ImageReference(publisher="almalinux", offer="almalinux-hpc", sku="8_10-hpc-gen2"),
    ...     node_agent_sku_id="batch.node.el 8",
    ...     target_dedicated_nodes=4,
    ...     enable_inter_node_communication=True,
    ... )

    Either targets or an `autoscale_formula`, evaluated every `autoscale_evaluation_interval` (15 minutes by
    default, 5 at least). Azure Batch gives no managed identity to such a pool. With `keep_alive` it stays.
    `container_image_names` makes the nodes ready for containers, with these images there already.
    """

    vm_size: str
    image: ImageReference
    node_agent_sku_id: str
    target_dedicated_nodes: int = 0
    target_low_priority_nodes: int = 0
    autoscale_formula: str = ""
    autoscale_evaluation_interval: timedelta | None = None
    task_slots_per_node: int = 1
    enable_inter_node_communication: bool = False
    start_task_command_line: str = ""
    application_packages: tuple[ApplicationPackageReference, ...] = ()
    container_image_names: tuple[str, ...] = ()
    subnet_id: str = ""
    keep_alive: bool = False


@dataclass
class JobSpecification:
    """The job as a whole, as `JobManager.job`: it says what the job's message says, until it is changed.

    >>> job = JobSpecification(pool_id="hpc")
    >>> job.priority = 100
    >>> job.environment["OMP_NUM_THREADS"] = "8"

    `pool_id` names a pool that is there; `auto_pool` has one made for the job. `priority` goes from -1000 to
    1000; `max_parallel_tasks` of -1 means without limit. `environment` holds for all tasks of the job.
    """

    pool_id: str = ""
    auto_pool: AutoPoolSpecification | None = None
    max_wall_clock_time: timedelta | None = None
    priority: int = 0
    max_parallel_tasks: int = -1
    environment: dict[str, str] = field(default_factory=dict)
    job_preparation_task: JobPreparationTask | None = None
    job_release_task: JobReleaseTask | None = None
