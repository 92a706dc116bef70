"""`python -m fakebatch`: the local Batch service as a process of its own."""

import sys

from fakebatch.serve_command import main

sys.exit(main())
