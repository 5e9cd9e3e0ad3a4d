"""`python -m pmplab` is `pmp`."""

import sys

from pmplab.cli import main

if __name__ == "__main__":
    sys.exit(main())
