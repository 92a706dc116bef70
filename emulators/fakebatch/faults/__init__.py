"""Injected faults: the rules, the requests they apply to, and the control API that sets them."""
