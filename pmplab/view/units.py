"""Numbers as people read them."""

from __future__ import annotations

_MINUTE = 60.0
_HOUR = 3600.0
NONE = "-"


def clock(seconds: float | None) -> str:
    """Write a stretch of time as a run shows it: `5.0s`, `1m09.3s`, `2h05m`."""
    if seconds is None:
        return NONE
    tenths = round(max(seconds, 0.0), 1)
    if tenths < _MINUTE:
        return f"{tenths:.1f}s"
    if tenths < _HOUR:
        return f"{int(tenths // 60)}m{tenths % 60:04.1f}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}h{minutes % 60:02d}m"


def span(seconds: float | None) -> str:
    """Write a duration that somebody chose: `500ms`, `5s`, `1m30s`, `2h`."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    if seconds < _MINUTE or seconds != int(seconds):
        return f"{seconds:g}s" if seconds < _MINUTE else clock(seconds)
    hours, rest = divmod(int(seconds), 3600)
    parts = ((hours, "h"), (rest // 60, "m"), (rest % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def millis(value: float | None) -> str:
    """Write milliseconds with three figures and the unit that fits: `812us`, `1.23ms`, `148ms`, `2.05s`."""
    if value is None:
        return NONE
    size = abs(value)
    if size < 0.9995:
        return f"{value * 1000:.0f}us"
    if size < 999.5:
        return f"{_figures(value)}ms"
    if size < _MINUTE * 1000:
        return f"{_figures(value / 1000)}s"
    return clock(value / 1000)


def _figures(value: float) -> str:
    size = abs(value)
    return f"{value:.2f}" if size < 9.995 else f"{value:.1f}" if size < 99.95 else f"{value:.0f}"


def count(value: float | None) -> str:
    """Write a whole number with thin grouping: `1000`, `12 000`, `1 234 567`."""
    if value is None:
        return NONE
    whole = int(value)
    return str(whole) if -10_000 < whole < 10_000 else f"{whole:,}".replace(",", " ")


def rate(value: float | None, unit: str = "/s") -> str:
    """Write a rate: `4.2/s`, `512/s`."""
    if value is None:
        return NONE
    return f"{value:.1f}{unit}" if abs(value) < 100 else f"{count(round(value))}{unit}"


def share(part: float, whole: float) -> str:
    """Write a part of a whole in per cent: `99.97%`. All but not quite all is never shown as 100%."""
    if not whole:
        return NONE
    percent = 100 * part / whole
    if part != whole:
        percent = min(percent, 99.99)
    if part:
        percent = max(percent, 0.01)
    return f"{percent:.2f}%"


def size(value: float | None) -> str:
    """Write bytes: `512 B`, `1.2 MB` (powers of 1000)."""
    if value is None:
        return NONE
    number = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def measured(value: float | None, unit: str) -> str:
    """Write what a component measured, in the unit that it declares: `ms`, `s`, `bytes`, `bytes/s`, `1` or one of its own.

    >>> [measured(12.5, "ms"), measured(3e6, "bytes/s"), measured(7, "1"), measured(0.25, "V")]
    ['12.5ms', '3.0 MB/s', '7', '0.25 V']
    """
    if value is None:
        return NONE
    if unit in {"ms", "s"}:
        return millis(value if unit == "ms" else value * 1000)
    if unit in {"bytes", "bytes/s"}:
        return size(value) + ("/s" if unit == "bytes/s" else "")
    number = count(value) if value == int(value) else f"{value:.3g}"
    return number if unit in {"", "1"} else f"{number} {unit}"
