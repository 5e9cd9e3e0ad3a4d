"""`%pmp` and `%%pmp`: `%load_ext pmplab`."""

from pmplab.magics.extension import load, unload

load_ipython_extension = load
unload_ipython_extension = unload

__all__ = ["load", "load_ipython_extension", "unload", "unload_ipython_extension"]
