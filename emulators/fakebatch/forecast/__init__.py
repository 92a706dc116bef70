"""Forecasts: whole jobs on pools that may be, in virtual time (`python -m fakebatch.forecast`)."""
