"""What a target can be told: one dataclass, filled from the command line or by keyword."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m)")
_MAX_PORTS = 60_000
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """Options of a target. Times are seconds, rates are shares of requests from 0 to 1.

    At most one fault befalls a request, so the rates must not add up to more than 1. A faulted request is
    counted, and leaves the store as it was.
    """

    protocol: str = "http"
    ports: int = 1
    port: int = 0
    host: str = "127.0.0.1"
    manifest: Path | None = None
    delay: float = 0.0
    jitter: float = 0.0
    error_rate: float = 0.0
    hang_rate: float = 0.0
    reset_rate: float = 0.0
    early_close_rate: float = 0.0
    rubbish_rate: float = 0.0
    seed: int = 1

    def problem(self) -> str | None:
        """Return what is wrong with these options taken together, or none."""
        if self.port and self.port + self.ports - 1 > _MAX_PORT:
            return f"ports {self.port} to {self.port + self.ports - 1} go beyond {_MAX_PORT}"
        if self.protocol == "ftp" and (self.delay, self.jitter, *self._rates()) != (0.0,) * 7:
            return "delays and faults are those of http; ftp answers as well as it can"
        total = sum(self._rates())
        if total > 1 + 1e-9:
            return f"the fault rates add up to {total:g}; at most one fault befalls a request, so at most 1"
        return None

    def _rates(self) -> tuple[float, ...]:
        return (self.error_rate, self.hang_rate, self.reset_rate, self.early_close_rate, self.rubbish_rate)

    def arguments(self) -> list[str]:
        """Return the command line that means the same."""
        line: list[str] = [self.protocol]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "protocol" or value == field.default or value is None:
                continue
            text = f"{value * 1e6:.0f}us" if field.name in {"delay", "jitter"} else str(value)
            line += [f"--{field.name.replace('_', '-')}", text]
        return line


def seconds(text: str) -> float:
    """Read a duration such as `20ms` as seconds."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        msg = f"{text!r} is not a duration; write a number with a unit, such as 20ms or 1.5s"
        raise argparse.ArgumentTypeError(msg)
    return float(match[1]) * _UNITS[match[2]]


def share(text: str) -> float:
    """Read a rate such as `0.05` or `5%`."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        msg = f"{text!r} is not a rate; write a share such as 0.05 or 5%"
        raise argparse.ArgumentTypeError(msg)
    return value


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text[:9]) <= high or len(text) > 9:
            msg = f"{text!r} is not a whole number from {low} to {high}"
            raise argparse.ArgumentTypeError(msg)
        return int(text)

    return read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options on `parser`, as `pmp target` and `python -m pmplab.target` have them."""
    add = parser.add_argument
    add("protocol", choices=["http", "ftp"], help="what to serve: http is an asset store, ftp a store of files")
    add("--ports", type=_whole(1, _MAX_PORTS), default=1, metavar="N", help="listen on N ports, each an asset store of its own")
    add("--port", type=_whole(0, _MAX_PORT), default=0, metavar="BASE", help="first of consecutive ports; default: free ones")
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    add("--manifest", type=Path, metavar="FILE", help="write one `ip,port` line per port there")
    add("--delay", type=seconds, default=0.0, metavar="TIME", help="wait before each answer, such as 20ms")
    add("--jitter", type=seconds, default=0.0, metavar="TIME", help="and up to that much more, evenly spread")
    add("--error-rate", type=share, default=0.0, metavar="RATE", help="share of requests answered with 500")
    add("--hang-rate", type=share, default=0.0, metavar="RATE", help="share that is never answered")
    add("--reset-rate", type=share, default=0.0, metavar="RATE", help="share whose connection is reset")
    add("--early-close-rate", type=share, default=0.0, metavar="RATE", help="share closed in the middle of the answer")
    add("--rubbish-rate", type=share, default=0.0, metavar="RATE", help="share answered with something that is not HTTP")
    add("--seed", type=_whole(0, 999_999_999), default=1, metavar="N", help="seed of faults and jitter (default 1)")


def from_namespace(args: argparse.Namespace) -> TargetOptions:
    """Pick the target's options out of parsed arguments."""
    return TargetOptions(**{field.name: getattr(args, field.name) for field in fields(TargetOptions)})
