"""The job preparation task and the job release task of one job on one node."""

from dataclasses import dataclass

from fakebatch.model.node_run import NodeRun


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationAndReleaseStatus:
    """The runs of the preparation task and the release task of one job on one node.

    `is_prepared` is True while the preparation need not run again. `has_run_tasks` is True if the release
    task has to run. Both become False when the node is reimaged.
    """

    pool_id: str
    node_id: str
    preparation: NodeRun | None = None
    release: NodeRun | None = None
    is_prepared: bool = False
    has_run_tasks: bool = False
