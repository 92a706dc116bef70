"""The checkout that this package is part of: the app, Azurite's node_modules, and the sample lie there."""

from pathlib import Path

import batchmgr

PROJECT = Path(batchmgr.__file__).resolve().parents[1]
SAMPLE_GENOME = PROJECT / "examples" / "genome_kmers" / "data" / "NC_001416.1.fa"
"""The genome of bacteriophage lambda, 48,502 bases."""
