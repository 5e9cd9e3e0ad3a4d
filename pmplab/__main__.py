"""`pmp`, and `python -m pmplab`: an interrupt, even while it imports, ends it without a traceback."""

import sys


def main() -> int:
    """Run the command line and return its exit status."""
    try:
        from pmplab.cli import main as run

        return run()
    except KeyboardInterrupt:
        return 105


if __name__ == "__main__":
    sys.exit(main())
