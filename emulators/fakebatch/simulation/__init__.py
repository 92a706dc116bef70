"""Simulated tasks, which take time without running anything, and their clock, which may run fast."""
