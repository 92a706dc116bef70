"""How a task runs on a node: the executor port and the one that starts real processes."""
