"""How things look: plain text for terminals and logs, script-free HTML for notebooks. Nothing here runs or reads a script."""
