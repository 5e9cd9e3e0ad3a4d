"""The verbs of `pmp`, one module each: `add` declares its options, `main(args, console)` does it in a terminal."""
