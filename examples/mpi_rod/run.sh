#!/bin/bash
# Runs the MPI program on all nodes of a multi-instance task, one rank a node: run.sh CELLS STEPS
if [ -r /usr/share/modules/init/bash ]; then
    . /usr/share/modules/init/bash && module load mpi/hpcx
fi
set -eu
tr , '\n' <<<"$AZ_BATCH_HOST_LIST" > hosts
mpirun -np "$(wc -l < hosts)" -hostfile hosts "$AZ_BATCH_TASK_SHARED_DIR/rod" "$@"
