"""All benchmarks, one after the other: `make bench`, or `make bench ARGS="startup spawn"`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ALL = (
    "startup", "check", "spawn", "truth", "side_by_side", "memory", "reading", "simulate", "rates", "dashboard", "judging",
    "http_vs_wrk", "plugin_python",
)  # fmt: skip


def main() -> int:
    """Run those that are named, else all. A missed goal is a result, a benchmark that breaks is an error."""
    chosen = sys.argv[1:] or ALL
    unknown = [name for name in chosen if name not in ALL]
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    broken = [name for name in chosen if subprocess.run([sys.executable, HERE / f"{name}.py"], check=False).returncode != 0]
    if broken:
        print(f"\nbroken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
