"""What a node starts: `python3 -m genome_kmers task NAME`, or `finalize`."""

from batchmgr import Application
from genome_kmers.workload import GenomeKmersWorkload

if __name__ == "__main__":
    Application(GenomeKmersWorkload()).run()
