"""The contract `pmplab:protocol`, over a plugin and its loop."""

import copy
import functools
import json
import sys

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import plugin as wit
from wit_world.imports import stderr

from pmplab_plugin import _declare
from pmplab_plugin._context import Context
from pmplab_plugin._failure import Failure, Refusal, described
from pmplab_plugin._loop import Loop
from pmplab_plugin._net import Network

_EVENTS = {"success": wit.Event.SUCCESS, "fail": wit.Event.FAIL, "timeout": wit.Event.TIMEOUT}
_KINDS = {"text": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "map": (dict,), "list": (list,)}


class _Stderr:
    """Where `print` goes: the run's log."""

    encoding = "utf-8"

    def write(self, text):
        out = stderr.get_stderr()
        data = text.encode()
        while data:
            room = out.check_write()
            if room == 0:
                with out.subscribe() as ready:
                    ready.block()
                continue
            out.write(data[:room])
            data = data[room:]
        return len(text)

    def flush(self):
        """Nothing is kept back."""


_LOG = _Stderr()


def _told(method):
    """Say what went wrong before the exception becomes a trap, of which nobody would know the cause."""

    @functools.wraps(method)
    def wrapped(_, *arguments):
        try:
            return method(*arguments)
        except Err:
            raise
        except Exception as error:
            _LOG.write(f"panicked: {described(error)}\n")
            raise

    return wrapped


class Action:
    """An action of the plan."""

    def __init__(self, plugin, call, spec):
        self.call = call
        self.method = call.method.__get__(plugin)
        self.params = json.loads(spec.params)
        self.holes = [[_unescaped(part) for part in hole.split("/")[1:]] for hole in spec.holes]
        self.flat = all(len(hole) == 1 for hole in self.holes)
        self.outputs = spec.outputs
        self.measures = {name: i for i, name in enumerate(spec.measures)}
        self.resources = spec.resources
        self.timeout = spec.timeout
        self.max_body = spec.max_body
        self.names = {name: name.replace("-", "_") for name in call.params}
        self.kinds = {name: _KINDS.get(about["type"]) for name, about in call.params.items()}
        self.filled = {hole[0] for hole in self.holes}

    def arguments(self, values):
        """Return the method's arguments with the holes filled."""
        params = dict(self.params) if self.flat else copy.deepcopy(self.params)
        for hole, value in zip(self.holes, values, strict=False):
            place = params
            for part in hole[:-1]:
                place = place[int(part) if isinstance(place, list) else part]
            last = hole[-1]
            place[int(last) if isinstance(place, list) else last] = _taken(value)
        for hole in self.holes:
            self.right(hole[0], params[hole[0]])
        return {self.names[name]: value for name, value in params.items()}

    def right(self, name, value):
        """Raise Failure where a value is not of the parameter's type."""
        kinds = self.kinds[name]
        if kinds is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            wanted = self.call.params[name]["type"]
            raise Failure("config.bad-value", f"`{name}` is {type(value).__name__}, not {wanted}")


class Component:
    """The one instance: componentize-py makes one of what it exports for every call."""

    def __init__(self, made):
        self.made = made
        self.reset()

    def reset(self):
        self.loop = None
        self.network = None
        self.actions = {}
        # By user: its session, and its idle connections by address.
        self.users = {}
        self.tokens = 0
        self.plugin = self.made()

    def init_protocol(self, resource, res_dir):
        del resource
        if res_dir is not None:
            res_dir.__exit__(None, None, None)
        self.reset()
        self.loop = Loop()
        self.network = Network()
        said = self.made.section()
        return wit.Capabilities(said["name"], said["version"], said["capabilities"])

    def prepare(self, action_id, action):
        call = self.made.calls().get(action.call)
        if call is None:
            raise Err(wit.Error_UnknownCall(action.call))
        try:
            prepared = Action(self.plugin, call, action)
        except ValueError as error:
            raise Err(wit.Error_InvalidParameter(f"`with` is no JSON: {error}")) from None
        problem = _problem(prepared)
        if problem is None:
            try:
                self.plugin.check(action.call, prepared.params)
            except Refusal as refusal:
                problem = str(refusal)
        if problem is not None:
            raise Err(wit.Error_InvalidParameter(problem))
        self.actions[action_id] = prepared

    def run_action(self, task_id, user_id, action_id, params, res):
        self.tokens += 1
        token, loop, action = self.tokens, self.loop, self.actions[action_id]
        leases = {
            action.resources[one.shape].name: dict(zip(action.resources[one.shape].fields, one.fields, strict=False))
            for one in res
        }
        context = Context(self, action, token, task_id, user_id, leases)
        try:
            arguments = action.arguments(params)
        except Failure as failure:
            loop.done.append((context, "fail", failure.kind, failure.message, {}, context.submitted))
            return token
        loop.begin(token, action.method(context, **arguments), context, action.timeout)
        return token

    def cancel(self, token):
        self.loop.cancel(token)

    def advance(self, until, wake):
        loop = self.loop
        now = loop.advance(until, wake)
        for one in wake:
            one.__exit__(None, None, None)
        done, loop.done = loop.done, []
        return wit.Advanced(now, [_outcome(*one) for one in done])

    def pollables(self):
        return self.loop.pollables()

    def end_user(self, user_id):
        _, kept = self.users.pop(user_id, ({}, {}))
        for idle in kept.values():
            for connection in idle:
                connection.close()
            idle.clear()
        self.plugin.left(user_id)

    def release_protocol(self):
        if self.loop is not None:
            self.loop.clear()
        for user in list(self.users):
            self.end_user(user)
        self.reset()


def export(module):
    """Return the class that componentize-py exports for the one plugin of `module`."""
    sys.stdout = sys.stderr = _LOG
    one = Component(_declare.plugin_of(module))
    verbs = [name for name in vars(exports.Plugin) if not name.startswith("_")]
    return type("Plugin", (exports.Plugin,), {verb: _told(getattr(one, verb)) for verb in verbs})


def _problem(action):
    """Return what is wrong with the parameters of an action, or None."""
    if not isinstance(action.params, dict):
        return "`with` is no map"
    for name, value in action.params.items():
        if name not in action.kinds:
            return f"there is no parameter `{name}`: there are {', '.join(action.kinds)}"
        if name not in action.filled:
            try:
                action.right(name, value)
            except Failure as failure:
                return failure.message
    missing = [name for name, about in action.call.params.items() if about["required"] and name not in action.params]
    return f"the parameter `{missing[0]}` is missing" if missing else None


def _unescaped(part):
    return part.replace("~1", "/").replace("~0", "~")


def _taken(value):
    if isinstance(value, wit.Value_None):
        return None
    if isinstance(value, wit.Value_Json):
        return json.loads(value.value)
    return value.value


def _given(value, at_most):
    if value is None:
        return wit.Value_None()
    if isinstance(value, bool):
        return wit.Value_Boolean(value)
    if isinstance(value, int):
        return wit.Value_Integer(value) if -(1 << 63) <= value < 1 << 63 else wit.Value_Number(float(value))
    if isinstance(value, float):
        return wit.Value_Number(value)
    if isinstance(value, str):
        return wit.Value_Text(value if len(value) * 4 <= at_most else value.encode()[:at_most].decode(errors="ignore"))
    if isinstance(value, bytes):
        return wit.Value_Bytes(value[:at_most])
    return wit.Value_Json(json.dumps(value))


def _outcome(context, event, kind, message, outputs, end):
    action = context.action
    values = []
    if outputs:
        try:
            values = [_given(outputs.get(name), action.max_body) for name in action.outputs]
        except (TypeError, ValueError) as error:
            event, kind, message = "fail", "other", f"an output cannot be told: {error}"
    elif event == "success":
        values = [wit.Value_None() for _ in action.outputs]
    return wit.Outcome(
        context.token, _EVENTS[event], kind, message, context.status, context.t_connect, context.t_start,
        context.t_first_byte, max(end, context.submitted), context.bytes_sent, context.bytes_received, values, context.measures,
    )  # fmt: skip
