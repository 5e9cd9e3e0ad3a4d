"""`pmp`, and `python -m pmplab`: imports only what an interrupt may break off without a traceback."""

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        from pmplab.cli import INTERRUPTED
        from pmplab.cli import main as run
    except KeyboardInterrupt:
        return 105
    try:
        return run()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
