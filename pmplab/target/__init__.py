"""A small real HTTP asset store on loopback: something to point a bundle at, and to inject faults with."""

from pmplab.target.options import TargetOptions
from pmplab.target.process import TargetError, TargetProcess

__all__ = ["TargetError", "TargetOptions", "TargetProcess"]
