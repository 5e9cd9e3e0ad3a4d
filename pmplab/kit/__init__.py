"""The plugin kit: a protocol of one's own, from an empty folder to a component that keeps the contract.

scaffold    `pmp plugin new`: a project that works, with all that it needs in `vendor/`
build       `pmp plugin build`: a component, with what it says of itself appended
check       `pmp plugin check`: rules of the contract, tried on the built component
python/     what a plugin in Python is written against, and the WIT that it is built with
templates/  the projects
"""
