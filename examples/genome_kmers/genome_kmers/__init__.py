"""A batchmgr workload: how often each word of k letters occurs in a genome, and its GC profile."""

from genome_kmers.workload import GenomeKmersWorkload

__all__ = ["GenomeKmersWorkload"]
