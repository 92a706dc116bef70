"""How many examples a property is tried with."""

from hypothesis import settings


def examples(number: int) -> settings:
    """Return so many examples for `make chaos`, and a quarter of them for other runs.

    The profiles are in the conftest.py of the project. They also hold for properties that name no number.
    """
    return settings(max_examples=number * settings().max_examples // 100)
