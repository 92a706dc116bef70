"""Groups of errors, as tasks that run at the same time raise them."""


def most_permanent(error: Exception) -> Exception:
    """Return one error for a group: the first that waiting does not help, else the first. Groups may nest.

    >>> most_permanent(ExceptionGroup("several", [ExceptionGroup("one", [KeyError("x")])]))
    KeyError('x')
    >>> most_permanent(ValueError("alone"))
    ValueError('alone')
    """
    if not isinstance(error, ExceptionGroup):
        return error
    permanent, _ = error.split(lambda one: not getattr(one, "retryable", False))
    first: Exception = (permanent or error).exceptions[0]
    return most_permanent(first)
