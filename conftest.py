"""What holds for all tests, the examples' too."""

from hypothesis import settings

# How long one example takes says more about the machine than about the code.
settings.register_profile("batchmgr", deadline=None)
settings.load_profile("batchmgr")
