"""How tasks run on nodes: the executor port, and the executor that starts real processes."""
