"""`python -m batchmgr.cli` is the same as `batchmgr`."""

import sys

from batchmgr.cli import main

sys.exit(main())
