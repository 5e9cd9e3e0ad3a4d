"""Many actions at once, one thread: whoever waits says for what, and one `poll` waits for all."""

from heapq import heappop, heappush

from wit_world.imports import monotonic_clock as clock
from wit_world.imports import poll as io

from pmplab_plugin._failure import Failure, described

FOREVER = (1 << 64) - 1


class Ready:
    """Something that may become ready; `await` it. `make` gives a pollable, and is asked anew for each who wants one."""

    __slots__ = ("make", "pollable")

    def __init__(self, make):
        self.make = make
        self.pollable = None

    def __await__(self):
        yield self

    def mine(self):
        """Return the pollable that is kept for our own polls."""
        if self.pollable is None:
            self.pollable = self.make()
        return self.pollable

    def drop(self):
        """Give it up: before that of which it tells, as the host demands."""
        if self.pollable is not None:
            self.pollable.__exit__(None, None, None)
            self.pollable = None


class Task:
    """An action in flight."""

    __slots__ = ("context", "coroutine", "waits")

    def __init__(self, coroutine, context):
        self.coroutine = coroutine
        self.context = context
        self.waits = None


class Loop:
    """The actions in flight by token, and what is complete: `(context, event, kind, message, outputs)`."""

    def __init__(self):
        self.tasks = {}
        self.done = []
        self.deadlines = []
        self.now = clock.now()
        self._timer = (0, None)

    def begin(self, token, coroutine, context, timeout):
        """Run an action until it waits."""
        self.now = context.submitted
        self.tasks[token] = task = Task(coroutine, context)
        if timeout is not None:
            heappush(self.deadlines, (self.now + timeout, token))
        self._step(token, task)

    def cancel(self, token):
        """Give an action up."""
        task = self.tasks.pop(token, None)
        if task is not None:
            self.now = clock.now()
            self._give_up(task, "fail", "cancelled.core", "the run gave it up")

    def advance(self, until, wake):
        """Work until something is complete, one of `wake` is ready or `until` has come. Returns the clock."""
        while True:
            deadline = self._next_deadline()
            ready, woken = self._poll(0 if self.done else min(until, deadline), wake)
            self.now = clock.now()
            for token, task in ready:
                self._step(token, task)
            self._expire()
            if self.done or woken or self.now >= until:
                return clock.now()

    def pollables(self):
        """Return what another must watch for us."""
        found = [task.waits.make() for task in self.tasks.values()]
        if self.done:
            found.append(clock.subscribe_duration(0))
        return found

    def clear(self):
        """Drop all actions."""
        for task in self.tasks.values():
            task.coroutine.close()
            task.context.release(broken=True)
        self.__init__()

    def _poll(self, until, wake):
        tasks = list(self.tasks.items())
        watched = [task.waits.mine() for _, task in tasks]
        count = len(watched)
        watched += wake
        if until < FOREVER:
            watched.append(self._alarm(until))
        if not watched:
            return [], True
        indexes = io.poll(watched)
        woken = any(count <= i < count + len(wake) for i in indexes)
        return [tasks[i] for i in indexes if i < count], woken

    def _alarm(self, until):
        instant, timer = self._timer
        if instant != until or timer is None:
            if timer is not None:
                timer.__exit__(None, None, None)
            timer = clock.subscribe_instant(until)
            self._timer = (until, timer)
        return timer

    def _next_deadline(self):
        while self.deadlines and self.deadlines[0][1] not in self.tasks:
            heappop(self.deadlines)
        return self.deadlines[0][0] if self.deadlines else FOREVER

    def _expire(self):
        while self._next_deadline() <= self.now:
            task = self.tasks.pop(heappop(self.deadlines)[1])
            self._give_up(task, "timeout", "timeout.action", "no answer within the action's timeout")

    def _give_up(self, task, event, kind, message):
        try:
            task.coroutine.close()
        except Exception as error:
            message = f"{message}; ending it raised {described(error)}"
        self._end(task, event, kind, message, {}, broken=True)

    def _step(self, token, task):
        try:
            task.waits = task.coroutine.send(None)
        except StopIteration as returned:
            outputs = returned.value if returned.value is not None else {}
            if isinstance(outputs, dict):
                self._end(task, "success", None, None, outputs)
            else:
                self._end(task, "fail", "other", f"the call returned {type(outputs).__name__}, not a dict", {}, broken=True)
        except Failure as failure:
            broken = not failure.kind.startswith("protocol.")
            self._end(task, "fail", failure.kind, failure.message, failure.outputs, broken=broken)
        except Exception as error:
            self._end(task, "fail", "other", described(error), {}, broken=True)
        else:
            if isinstance(task.waits, Ready):
                return
            task.coroutine.close()
            self._end(task, "fail", "other", "it awaited what is neither of `ctx` nor of a connection", {}, broken=True)
        self.tasks.pop(token, None)

    def _end(self, task, event, kind, message, outputs, *, broken=False):
        task.context.release(broken=broken)
        self.done.append((task.context, event, kind, message, outputs, self.now))
