"""The settings of a whole job: its pool, priority and limits, and the tasks that prepare its nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from batchmgr.plan.file_specifications import InputFileSpecification
from batchmgr.plan.frozen_dataclass import frozen_dataclass
from batchmgr.plan.task_options import ApplicationPackageReference, ContainerSettings, UserIdentity


@frozen_dataclass
class JobPreparationTask:
    """A task that runs once on each node, before the job's first task there.

    >>> unpack = JobPreparationTask(command_line="tar -xf mesh.tar")

    The variable `AZ_BATCH_JOB_PREP_WORKING_DIR` contains its working directory. It is set for the job's
    tasks, but not for this task itself. If `wait_for_success` is false, tasks start on a node even if this
    task failed there.
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
    """A task that runs when the job has ended, to clean up each node on which the preparation task ran.

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
    """A virtual machine image: one of the Azure Marketplace, or your own by `virtual_machine_image_id`."""

    publisher: str = ""
    offer: str = ""
    sku: str = ""
    version: str = ""
    virtual_machine_image_id: str = ""


@frozen_dataclass
class AutoPoolSpecification:
    """A pool that Azure Batch creates for this job alone, and deletes when the job has ended.

    >>> pool = AutoPoolSpecification(
    ...     vm_size="Standard_HB120rs_v3",
    ...     image=ImageReference(publisher="almalinux", offer="almalinux-hpc", sku="8_10-hpc-gen2"),
    ...     node_agent_sku_id="batch.node.el 8",
    ...     target_dedicated_nodes=4,
    ...     enable_inter_node_communication=True,
    ... )

    Give either target numbers of nodes or an `autoscale_formula`. Azure Batch evaluates the formula every
    `autoscale_evaluation_interval`: 15 minutes by default, 5 at least. With `container_image_names`, the
    nodes can run containers and have these images from the start. With `keep_alive`, Azure Batch does not
    delete the pool. Such a pool has no managed identity.
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
    """The settings of a whole job, as `JobManager.job`. At first they are those of the job message.

    >>> job = JobSpecification(pool_id="hpc")
    >>> job.priority = 100
    >>> job.environment["OMP_NUM_THREADS"] = "8"

    `pool_id` is the id of an existing pool; `auto_pool` describes one that is created for the job.
    `max_wall_clock_time` limits how long the job may run. `priority` is from -1000 to 1000. A
    `max_parallel_tasks` of -1 means no limit. All tasks of the job have the variables in `environment`.
    """

    pool_id: str = ""
    auto_pool: AutoPoolSpecification | None = None
    max_wall_clock_time: timedelta | None = None
    priority: int = 0
    max_parallel_tasks: int = -1
    environment: dict[str, str] = field(default_factory=dict)
    job_preparation_task: JobPreparationTask | None = None
    job_release_task: JobReleaseTask | None = None
