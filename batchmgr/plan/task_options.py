"""The options of a task besides its command and files. Names are those of Azure Batch (2025-06-01)."""

from __future__ import annotations

from batchmgr.plan.file_specifications import InputFileSpecification
from batchmgr.plan.frozen_dataclass import frozen_dataclass

NO_ACTION = "none"


@frozen_dataclass
class ContainerSettings:
    """The container that a task runs in. The nodes of its pool must have a container runtime.

    >>> container = ContainerSettings(image_name="ubuntu:16.04", container_run_options="--shm-size=4g")

    `working_directory` is `taskWorkingDirectory` (the default) or `containerImageDefault`. An image in a
    private registry needs `registry_server` and `registry_identity_reference`, the resource id of the managed
    identity with which nodes pull it. A job cannot contain registry passwords.
    """

    image_name: str
    container_run_options: str = ""
    working_directory: str = ""
    registry_server: str = ""
    registry_identity_reference: str = ""


@frozen_dataclass
class UserIdentity:
    """The user that a task runs as: a user of the pool, by `user_name`, or one that Azure Batch creates.

    >>> admin = UserIdentity(elevation_level="admin")

    For a user that Azure Batch creates, `scope` is `task` (the default: no other task has it) or `pool`
    (shared by all tasks that ask for it, of other jobs too), and `elevation_level` is `nonAdmin` (the
    default) or `admin`.
    """

    user_name: str = ""
    scope: str = ""
    elevation_level: str = ""


@frozen_dataclass
class ApplicationPackageReference:
    """An application package to install on the node. Without a `version`, the account's default is used.

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

    The coordination command runs on every node, including the primary. When it has succeeded on all nodes,
    the task's command runs on the primary. It finds the nodes in `AZ_BATCH_NODE_LIST` and
    `AZ_BATCH_HOST_LIST`. `common_input_files` are downloaded to every node, into `AZ_BATCH_TASK_SHARED_DIR`.
    The pool must allow communication between its nodes, and have one task slot a node.
    """

    number_of_instances: int
    coordination_command_line: str
    common_input_files: tuple[InputFileSpecification, ...] = ()


@frozen_dataclass
class ExitOptions:
    """What Azure Batch does when a task ends.

    `job_action` is `none`, `disable` or `terminate`. `dependency_action` is `satisfy` (tasks that wait for
    this one start) or `block` (they never start), which is the default after a failure.
    """

    job_action: str = NO_ACTION
    dependency_action: str = ""


@frozen_dataclass
class ExitCodeMapping:
    """What Azure Batch does after one exit code."""

    code: int
    exit_options: ExitOptions


@frozen_dataclass
class ExitCodeRangeMapping:
    """What Azure Batch does after exit codes from `start` to `end`, both included."""

    start: int
    end: int
    exit_options: ExitOptions


@frozen_dataclass
class ExitConditions:
    """What Azure Batch does after each way in which a task can end.

    >>> skip = ExitOptions(dependency_action="satisfy")
    >>> conditions = ExitConditions(exit_codes=(ExitCodeMapping(code=3, exit_options=skip),))
    >>> conditions.options_for(3).dependency_action, conditions.options_for(4).dependency_action
    ('satisfy', '')

    `pre_processing_error` is for a failure before the command started, such as a missing input file.
    `file_upload_error` is for a failed upload after the command succeeded. `default` is for all others.
    """

    exit_codes: tuple[ExitCodeMapping, ...] = ()
    exit_code_ranges: tuple[ExitCodeRangeMapping, ...] = ()
    pre_processing_error: ExitOptions | None = None
    file_upload_error: ExitOptions | None = None
    default: ExitOptions | None = None

    @property
    def all_options(self) -> tuple[ExitOptions, ...]:
        """All exit options that are given here."""
        fallbacks = (self.pre_processing_error, self.file_upload_error, self.default)
        return (
            *(mapping.exit_options for mapping in self.exit_codes),
            *(mapping.exit_options for mapping in self.exit_code_ranges),
            *(options for options in fallbacks if options is not None),
        )

    def options_for(self, exit_code: int | None) -> ExitOptions:
        """Return what Azure Batch does after a failure with this exit code.

        The exit code is 0 if only the upload failed, and None if the command did not start.
        """
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
