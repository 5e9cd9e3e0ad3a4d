"""Declaring a component: its calls, their parameters, outputs and measures."""

import inspect
from collections.abc import Callable
from typing import ClassVar

WIT = "pmplab:protocol@0.1.0"
_TYPES = {
    str: "text", int: "integer", float: "number", bool: "boolean", bytes: "any", dict: "map", list: "list", object: "any",
    "str": "text", "int": "integer", "float": "number", "bool": "boolean", "bytes": "any", "dict": "map", "list": "list",
    "object": "any", inspect.Parameter.empty: "any",
}  # fmt: skip


class Call:
    """A method that a script may call."""

    def __init__(self, method: Callable, params: dict, outputs: dict, measures: dict) -> None:
        self.method = method
        self.outputs = outputs
        self.measures = measures
        self.params: dict[str, dict] = {}
        for name, taken in list(inspect.signature(method).parameters.items())[2:]:
            self.params[name.replace("_", "-")] = {
                "type": _TYPES.get(taken.annotation, "any"),
                "required": taken.default is inspect.Parameter.empty,
                "description": str(params.get(name, "")),
            }
        unknown = [name for name in params if name.replace("_", "-") not in self.params]
        if unknown:
            raise TypeError(f"`{method.__name__}` takes no parameter `{unknown[0]}`")

    def section(self) -> dict:
        """Return what the component says of this call."""
        said = {"params": self.params, "outputs": self.outputs}
        if self.measures:
            said["measures"] = self.measures
        return said


def call(*, params: dict | None = None, outputs: dict | None = None, measures: dict | None = None) -> Callable:
    """Make an `async` method a call of the component.

    `params` describes the method's parameters by name; their types are those of the annotations, and one with a default may be
    left out. `outputs` gives the types of what the method returns as a dict: text, integer, number, boolean, json, any.
    `measures` gives unit and description by name: `{"setup_ms": {"unit": "ms", "description": "..."}}`, kept by `ctx.measure`.
    """

    def wrap(method: Callable) -> Callable:
        if not inspect.iscoroutinefunction(method):
            raise TypeError(f"`{method.__name__}` is a call: write `async def`")
        method.pmplab_call = Call(method, params or {}, outputs or {}, measures or {})
        return method

    return wrap


class Plugin:
    """A protocol component: give it a `name`, a `version` and calls. There is one instance, made when a run begins."""

    name = ""
    version = "0.1.0"
    # Keys of the section that are none of the contract's, such as `check`, which `pmp plugin check` reads.
    about: ClassVar[dict] = {}

    def check(self, call: str, params: dict) -> None:
        """Look at the parameters of an action before the run begins; what a template fills is None. Raise Refusal."""

    def left(self, user: int) -> None:
        """Hear that a user is gone; its connections are closed already."""

    @classmethod
    def calls(cls) -> dict[str, Call]:
        """Return the calls by the name that scripts use."""
        found = {}
        for name in dir(cls):
            one = getattr(getattr(cls, name), "pmplab_call", None)
            if one is not None:
                found[name.replace("_", "-")] = one
        return found

    @classmethod
    def section(cls) -> dict:
        """Return what the component says of itself."""
        calls = cls.calls()
        return {
            "name": cls.name or cls.__name__.lower(),
            "version": cls.version,
            "wit": WIT,
            "role": "protocol",
            "capabilities": list(calls),
            "calls": {name: one.section() for name, one in calls.items()},
            **cls.about,
        }


def plugin_of(module: object) -> type[Plugin]:
    """Return the one plugin that a module defines."""
    found = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Plugin) and one is not Plugin and one.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__}.py defines {len(found)} classes that are a Plugin: it must be one")
    return found[0]
