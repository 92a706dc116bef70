"""The command line: a node starts a task with it, you do whatever --help tells."""

from batchmgr import Application
from genome_kmers.workload import GenomeKmersWorkload

if __name__ == "__main__":
    Application(GenomeKmersWorkload()).run()
