"""Autoscale formulas, which set the size of a pool: their language, and the metrics they read."""
