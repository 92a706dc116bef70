"""What Azure Batch offers for a task beyond its command and files. Names are Azure Batch's (2025-06-01)."""

from __future__ import annotations

from batchmgr.plan.file_specifications import InputFileSpecification
from batchmgr.plan.frozen_dataclass import frozen_dataclass

NO_ACTION = "none"


@frozen_dataclass
class ContainerSettings:
    """The container that a task runs in, on a pool whose nodes have a container runtime.

    >>> container = ContainerSettings(image_name="ubuntu:16.04", container_run_options="--shm-size=4g")

    `working_directory` is `taskWorkingDirectory` (the default) or `containerImageDefault`. An image of a
    private registry needs `registry_server` and `registry_identity_reference`, the resource id of the
    managed identity that pulls it; passwords have no place in a job.
    """

    image_name: str
    container_run_options: str = ""
    working_directory: str = ""
    registry_server: str = ""
    registry_identity_reference: str = ""


@frozen_dataclass
class UserIdentity:
    """Who a task runs as: a user of the pool, by `user_name`, or one that Azure Batch makes.

    >>> admin = UserIdentity(elevation_level="admin")

    Of the latter, `scope` is `pool` (the default: all tasks share it) or `task`, `elevation_level` is
    `nonAdmin` (the default) or `admin`.
    """

    user_name: str = ""
    scope: str = ""
    elevation_level: str = ""


@frozen_dataclass
class ApplicationPackageReference:
    """An application package to install on the node; without a `version`, the account's default one.

    >>> solver = ApplicationPackageReference(application_id="solver", version="4.2.0")
    """

    application_id: str
    version: str = ""


@frozen_dataclass
class MultiInstanceSettings:
    """One task over several nodes at once, as MPI programs want it.

    >>> settings = MultiInstanceSettings(
    ...     number_of_instances=4,
    ...     coordination_command_line="/bin/sh -c 'cp mesh.bin $AZ_BATCH_TASK_SHARED_DIR'",
    ... )

    The coordination command runs on every node, the primary's included; when all have ended well, the task's
    command runs on the primary, with the nodes in `AZ_BATCH_NODE_LIST` and `AZ_BATCH_HOST_LIST`. The pool
    must allow communication between its nodes, with one task slot a node. `common_input_files` are brought to
    every node, into `AZ_BATCH_TASK_SHARED_DIR`.
    """

    number_of_instances: int
    coordination_command_line: str
    common_input_files: tuple[InputFileSpecification, ...] = ()


@frozen_dataclass
class ExitOptions:
    """What follows from a task's exit.

    `job_action` is `none`, `disable` or `terminate`; `dependency_action` is `satisfy` (tasks that wait for
    this one start) or `block` (they never do), which is the default for a failure.
    """

    job_action: str = NO_ACTION
    dependency_action: str = ""


@frozen_dataclass
class ExitCodeMapping:
    """What follows from one exit code."""

    code: int
    exit_options: ExitOptions


@frozen_dataclass
class ExitCodeRangeMapping:
    """What follows from the exit codes from `start` to `end`, both included."""

    start: int
    end: int
    exit_options: ExitOptions


@frozen_dataclass
class ExitConditions:
    """What follows from each way in which a task can end.

    >>> skip = ExitOptions(dependency_action="satisfy")
    >>> conditions = ExitConditions(exit_codes=(ExitCodeMapping(code=3, exit_options=skip),))
    >>> conditions.options_for(3).dependency_action, conditions.options_for(4).dependency_action
    ('satisfy', '')

    `pre_processing_error` is a failure before the command started (an input file that isn't there),
    `file_upload_error` one after it had ended well, `default` every other failure.
    """

    exit_codes: tuple[ExitCodeMapping, ...] = ()
    exit_code_ranges: tuple[ExitCodeRangeMapping, ...] = ()
    pre_processing_error: ExitOptions | None = None
    file_upload_error: ExitOptions | None = None
    default: ExitOptions | None = None

    @property
    def all_options(self) -> tuple[ExitOptions, ...]:
        """Every option given here."""
        fallbacks = (self.pre_processing_error, self.file_upload_error, self.default)
        return (
            *(mapping.exit_options for mapping in self.exit_codes),
            *(mapping.exit_options for mapping in self.exit_code_ranges),
            *(options for options in fallbacks if options is not None),
        )

    def options_for(self, exit_code: int | None) -> ExitOptions:
        """What follows from a failure: with this exit code, 0 if only the upload failed, None without one."""
        for mapping in self.exit_codes:
            if mapping.code == exit_code:
                return mapping.exit_options
        for span in self.exit_code_ranges:
            if exit_code is not None and span.start <= exit_code <= span.end:
                return span.exit_options
        special = None
        if exit_code is None:
            special = self.pre_processing_error
        elif exit_code == 0:
            special = self.file_upload_error
        return special or self.default or ExitOptions()
