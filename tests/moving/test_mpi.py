"""docs/moving/mpi.md: an MPI program runs on the nodes of a multi-instance task."""

import json
import os
import shutil
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from fakebatch.testing import FakeBatchProcess
from tests.moving.conftest import Clone
from tests.moving.story import tell
from tests.packaging.fresh_environment import ROOT

STAND_IN = Path(__file__).with_name("stand_in_mpi")
RESULT = 'result of rod: {"ranks": 3, "hottest": 0.946989, "largestError": 8.1e-14}'


@pytest.mark.clients
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here")
def test_the_program_runs_on_three_nodes_with_a_stand_in_for_mpi(clone: Clone) -> None:
    path = f"{STAND_IN}{os.pathsep}{clone.variables['PATH']}"
    assert RESULT in tell("mpi", clone.directory, clone.variables | {"PATH": path})[-1]


@pytest.mark.clients
@pytest.mark.skipif(not (shutil.which("mpicc") and shutil.which("mpirun")), reason="there is no MPI here")
def test_the_program_runs_on_three_nodes_with_the_mpi_of_this_machine(clone: Clone) -> None:
    assert RESULT in tell("mpi", clone.directory, clone.variables)[-1]


def test_the_pool_for_azure_is_accepted(fake_batch: FakeBatchProcess) -> None:
    pool = json.loads((ROOT / "examples" / "mpi_rod" / "pool.json").read_text())
    credential = AzureNamedKeyCredential(fake_batch.account, fake_batch.key)
    with BatchClient(fake_batch.endpoint, credential) as batch:
        batch.create_pool(pool)
        made = batch.get_pool("mpi")
    assert made.enable_inter_node_communication
    assert made.user_accounts
    assert made.user_accounts[0].name == "mpi"
    assert "REPLACE" not in str(made.as_dict())
