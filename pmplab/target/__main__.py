"""`python -m pmplab.target`: the target alone, as `TargetProcess` starts it."""

import argparse
import sys

from pmplab.target import options
from pmplab.target.serve import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="pmp target")
    options.add_arguments(parser)
    sys.exit(main(options.from_namespace(parser.parse_args())))
