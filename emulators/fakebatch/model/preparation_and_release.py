"""What a job did on a node besides its tasks: preparation, and release."""

from dataclasses import dataclass

from fakebatch.model.node_run import NodeRun


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationAndRelease:
    """The preparation and release of one node for one job.

    `is_prepared` tells whether the preparation still holds, `has_run_tasks` whether there is anything to
    release: both end when the node is reimaged.
    """

    pool_id: str
    node_id: str
    preparation: NodeRun | None = None
    release: NodeRun | None = None
    is_prepared: bool = False
    has_run_tasks: bool = False
