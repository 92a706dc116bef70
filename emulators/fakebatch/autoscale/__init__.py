"""The formulas that set the size of a pool: their language, and what they are evaluated on."""
