"""`python -m fakebatch`: run the fake Azure Batch."""

import sys

from fakebatch.serve_command import main

sys.exit(main())
