"""`python -m batchmgr.local.fakebatch`: the local Batch service as a process of its own."""

import sys

from batchmgr.local.fakebatch.command import main

sys.exit(main())
