"""Durations and amounts as people read them."""

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def duration(seconds: float) -> str:
    """Return seconds as text.

    >>> duration(0.4), duration(42), duration(95), duration(5000), duration(200_000)
    ('0.4s', '42s', '1m35s', '1h23m', '2d08h')
    """
    if seconds < 10:
        return f"{seconds:.1f}".rstrip("0").rstrip(".") + "s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < 10 * _MINUTE_S:
        return f"{whole // _MINUTE_S}m{whole % _MINUTE_S:02}s"
    minutes = round(seconds / _MINUTE_S)
    if minutes < 60:
        return f"{minutes}m"
    if seconds < _DAY_S:
        return f"{minutes // 60}h{minutes % 60:02}m"
    full = round(seconds / _HOUR_S)
    return f"{full // 24}d{full % 24:02}h"


def hours(amount: float) -> str:
    """Return an amount of hours, or of money, with three digits that count.

    >>> hours(0), hours(0.123), hours(1.234), hours(23.45), hours(234.5), hours(12345)
    ('0', '0.12', '1.23', '23.4', '234', '12,345')
    """
    if not amount:
        return "0"
    if amount < 10:
        return f"{amount:.2f}"
    return f"{amount:.1f}" if amount < 100 else f"{amount:,.0f}"
