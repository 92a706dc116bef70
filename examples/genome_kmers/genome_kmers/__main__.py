"""The command line of the workload: nodes start tasks with it. See `--help` for your own use."""

from batchmgr import Application
from genome_kmers.workload import GenomeKmersWorkload

if __name__ == "__main__":
    Application(GenomeKmersWorkload()).run()
