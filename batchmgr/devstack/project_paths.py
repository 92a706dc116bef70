"""Paths in the project's source tree, which contains the app, Azurite's node_modules and the sample."""

from pathlib import Path

import batchmgr

PROJECT = Path(batchmgr.__file__).resolve().parents[1]
"""The root of the source tree."""

SAMPLE_GENOME = PROJECT / "examples" / "genome_kmers" / "data" / "NC_001416.1.fa"
"""The genome of bacteriophage lambda, 48,502 bases."""
