"""WebAssembly: the one module that imports wasmtime.

wasmtime stays below 48: from 48 on guests are denied TCP and UDP, and its C API has no switch for it
(bytecodealliance/wasmtime#13936).
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import signal
import tempfile
import threading
from ctypes import byref
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import wasmtime
from wasmtime import _ffi
from wasmtime.component import Component, Linker, Record, Variant

from pmplab.errors import ComponentError, PmpError, TrappedError, WorkbookError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from wasmtime.component import Func

Holder = int | str | None
"""Of whom a value of the Workbook is: of the task of a user, of a scenario, or of the run as a whole."""

CORE = "pmplab:runner/core@0.1.0"
COMPOSER = "pmplab:compose/composer@0.1.0"

VERSION: str = version("wasmtime")

# The ticker's period: how fine epoch deadlines are. Guests pay 1 ns per loop for them whatever the period.
_TICK_S = 0.1

DEFAULT_MEMORY = 1 << 30
_MAX_INSTANCES = 10_000


def engine(*, quick: bool = False, trusted: bool = False) -> wasmtime.Engine:
    """Return an engine with interruption by epochs, compiling on all cores.

    A `quick` one compiles in half the time, to code that takes about half as long again. Code of a `trusted` one cannot be
    interrupted, and is up to a fifth faster.
    """
    config = wasmtime.Config()
    config.epoch_interruption = not trusted
    config.parallel_compilation = True
    # Nothing here is asynchronous, and the bookkeeping for it costs a tenth of every call between component and host.
    # The C API has it, the Python class no property for it.
    _ffi.wasmtime_config_concurrency_support_set(config.ptr(), False)
    if quick:
        config.cranelift_opt_level = "none"
        _ffi.wasmtime_config_cranelift_flag_set(config.ptr(), b"regalloc_algorithm", b"single_pass")
    return wasmtime.Engine(config)


def compile_component(on: wasmtime.Engine, data: bytes, what: str) -> Component:
    """Compile `data`. Raises ComponentError, naming `what`, when it is no valid component."""
    try:
        return Component(on, data)
    except wasmtime.WasmtimeError as error:
        raise ComponentError(f"{what} is no valid component: {_first_line(error)}") from None


def load_compiled(on: wasmtime.Engine, path: Path) -> Component | None:
    """Return the component that `save_compiled` wrote, or None if there is none or it was made for another machine.

    Only for files that pmplab itself wrote: compiled code is trusted.
    """
    if not path.is_file():
        return None
    try:
        return Component.deserialize_file(on, str(path))
    except wasmtime.WasmtimeError:
        return None


def save_compiled(component: Component, path: Path) -> None:
    """Write compiled code for `load_compiled`, whole or not at all. A folder that cannot be written is no error."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(component.serialize())
        Path(file.name).replace(path)


class Ticker:
    """A thread that moves the engine's epoch, so that a guest which never returns is trapped at its deadline."""

    def __init__(self, on: wasmtime.Engine) -> None:
        self._engine = on
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="pmplab-epoch", daemon=True)
        self._thread.start()

    def _tick(self) -> None:
        while not self._done.wait(_TICK_S):
            self._engine.increment_epoch()

    def expire(self, seconds: float) -> None:
        """Trap the running call as if `seconds` had gone by."""
        for _ in range(_ticks(seconds) + 1):
            self._engine.increment_epoch()

    def close(self) -> None:
        """End the thread."""
        self._done.set()
        self._thread.join(2 * _TICK_S)


def _ticks(seconds: float) -> int:
    return int(seconds / _TICK_S) + 1


def _allow_network(config: wasmtime.WasiConfig) -> None:
    """Let guests open sockets to any address and resolve names.

    The C API has both calls, the Python class has neither, hence the private module; `tests/host/test_wasm.py` fails
    when a new version of wasmtime changes them. There is no filter by address in the C API.
    """
    _ffi.wasi_config_inherit_network(config.ptr())
    _ffi.wasi_config_allow_ip_name_lookup(config.ptr(), True)


class Instance:
    """A component at work in a store of its own, with bounded memory, time and surroundings.

    `read_only` and `writable` are `(host folder, guest path)`; there is nothing else of the file system.
    `memory` bounds each linear memory, in bytes. What the guest writes to its stderr goes to `log`; `inherit` says that
    this process's own stderr is that file already.
    """

    def __init__(
        self,
        component: Component,
        on: wasmtime.Engine,
        interface: str,
        *,
        read_only: Iterable[tuple[Path, str]] = (),
        writable: Iterable[tuple[Path, str]] = (),
        network: bool = False,
        http: bool = False,
        memory: int = DEFAULT_MEMORY,
        log: Path | None = None,
        inherit: bool = False,
        deadline: float = 30.0,
    ) -> None:
        self._log = log
        self._memory = memory
        self._log_start = log.stat().st_size if log is not None and log.exists() else 0
        wasi = wasmtime.WasiConfig()
        for folder, guest in read_only:
            wasi.preopen_dir(str(folder), guest, wasmtime.DirPerms.READ_ONLY, wasmtime.FilePerms.READ_ONLY)
        for folder, guest in writable:
            wasi.preopen_dir(str(folder), guest, wasmtime.DirPerms.READ_WRITE, wasmtime.FilePerms.READ_WRITE)
        if inherit:
            wasi.inherit_stderr()
        elif log is not None:
            wasi.stderr_file = str(log)
        if network:
            _allow_network(wasi)
        linker = Linker(on)
        linker.add_wasip2()
        self._store = wasmtime.Store(on)
        # A WASI call without `set_wasi` aborts the process: it must precede instantiation.
        self._store.set_wasi(wasi)
        if http:
            linker.add_wasi_http()
            self._store.set_wasi_http()
        self._store.set_limits(
            memory_size=memory,
            table_elements=1_000_000,
            instances=_MAX_INSTANCES,
            tables=_MAX_INSTANCES,
            memories=_MAX_INSTANCES,
        )
        self._deadline = deadline
        # With epochs on, the deadline is 0 until set, and even instantiating would trap.
        self._store.set_epoch_deadline(_ticks(deadline))
        try:
            self._instance = linker.instantiate(self._store, component)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise self._failure(error, "instantiate") from None
        index = self._instance.get_export_index(self._store, interface)
        if index is None:
            message = f"the component does not export `{interface}`"
            raise ComponentError(message)
        self._interface = index
        self._funcs: dict[str, Func] = {}

    def call(self, name: str, *arguments: object, deadline: float | None = None) -> Any:
        """Call an export, which must answer within `deadline` seconds of computing. Raises TrappedError."""
        func = self._funcs.get(name) or self._find(name)
        self._store.set_epoch_deadline(_ticks(self._deadline if deadline is None else deadline))
        try:
            return func(self._store, *arguments)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise self._failure(error, name) from None

    def drop(self, handle: Any) -> None:
        """Give back a resource that an export returned."""
        handle.drop(self._store)

    def call_aside(self, name: str, *arguments: object, deadline: float) -> Any:
        """As `call`, in a thread of its own: of use where the engine cannot interrupt, and Ctrl-C is heard meanwhile.

        What does not answer in time is left behind, at work until the process ends. Raises TrappedError.
        """
        answers: list[Any] = []

        def ask() -> None:
            try:
                answers.append((self.call(name, *arguments, deadline=deadline), None))
            except Exception as error:  # noqa: BLE001  it is raised where the answer is waited for
                answers.append((None, error))

        thread = threading.Thread(target=ask, name=f"pmplab-{name}", daemon=True)
        thread.start()
        thread.join(deadline)
        if not answers:
            raise _overdue(name, "is left behind, at work until this process ends")
        value, error = answers[0]
        if error is not None:
            raise error
        return value

    def stepper(self, deadline: float) -> Callable[[int, int], tuple[str, int]]:
        """Return the export `step`, called without building its type anew each time.

        The binding's own call takes 60 us for this signature, of which 4 are WebAssembly; at an open load of thousands per
        second that would be felt. `tests/host/test_components.py` holds it against the binding's own answer.
        """
        func = self._funcs.get("step") or self._find("step")
        context, ticks = self._store._context(), _ticks(deadline)  # noqa: SLF001
        raw = byref(func._func)  # noqa: SLF001
        arguments = (_ffi.wasmtime_component_val_t * 2)()
        for argument in arguments:
            argument.kind = _ffi.WASMTIME_COMPONENT_U64
        result = _ffi.wasmtime_component_val_t()
        out = byref(result)

        def step(now: int, budget: int) -> tuple[str, int]:
            arguments[0].of.u64 = now
            arguments[1].of.u64 = budget
            self._store.set_epoch_deadline(ticks)
            error = _ffi.wasmtime_component_func_call(raw, context, arguments, 2, out, 1)
            if error:
                raise self._failure(wasmtime.WasmtimeError._from_ptr(error), "step")  # noqa: SLF001
            try:
                value = result.of.result.val.contents.of
                if not result.of.result.is_ok:
                    raise TrappedError(_ffi.to_str(value.string))
                fields = value.record.data
                return _ffi.to_str(fields[0].val.of.enumeration), fields[1].val.of.u64
            finally:
                _ffi.wasmtime_component_val_delete(out)
                # The next call drops what it finds here: it must find a value that owns nothing.
                result.kind = _ffi.WASMTIME_COMPONENT_BOOL

        return step

    def _find(self, name: str) -> Func:
        index = self._instance.get_export_index(self._store, name, self._interface)
        func = None if index is None else self._instance.get_func(self._store, index)
        if func is None:
            message = f"the component does not export the function `{name}`"
            raise ComponentError(message)
        self._funcs[name] = func
        return func

    def _failure(self, error: Exception, call: str) -> PmpError:
        said = self._said()
        text = str(error)
        if "wasm trap: interrupt" in text:
            return _overdue(call)
        if "memory" in text and "exceeds" in text:
            return TrappedError(f"WebAssembly code needs more memory than it may have: {_first_line(error)}")
        used = _peak()
        if not said and "unreachable" in text and used >= self._memory * 3 // 4:
            # A guest that gets no more memory gives up without a word.
            has, may = used >> 20, self._memory >> 20
            return TrappedError(
                f"WebAssembly code gave up in `{call}` for want of memory: {has} MB are in use, and it may have {may}"
            )
        return TrappedError(f"WebAssembly code failed in `{call}`: {said or _cause(error)}")

    def _said(self) -> str:
        """Return what the guest's panic hook wrote, on one line."""
        if self._log is None:
            return ""
        try:
            with self._log.open("rb") as file:
                file.seek(max(self._log_start, self._log.stat().st_size - 4096))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        told = [line.strip() for line in lines if line.strip()]
        panics = [i for i, line in enumerate(told) if "panicked" in line]
        return " ".join(told[panics[-1] :][:3]) if panics else ""


class Core:
    """The runner core: typed access to `pmplab:runner/core`. All instants are the host's monotonic nanoseconds."""

    def __init__(self, instance: Instance, *, step_deadline: float = 10.0) -> None:
        self._instance = instance
        self.step_deadline = step_deadline
        self._step = instance.stepper(step_deadline)

    def parse2wbs(self, request: str) -> str:
        """Check the bundle; the answer is JSON."""
        return str(self._instance.call_aside("parse2wbs", request, deadline=60.0))

    def start(self, request: str, now: int) -> tuple[bool, str]:
        """Begin the run. Returns whether it began, and the JSON of the plan or of what is wrong."""
        return _result(self._instance.call("start", request, now, deadline=120.0))

    def step(self, now: int, budget: int) -> tuple[str, int]:
        """Work for up to `budget` ns. Returns the phase and when to call again. Raises TrappedError."""
        return self._step(now, budget)

    def stop(self, now: int, *, at_once: bool) -> None:
        """Ask for the end: drain, or `at_once`."""
        self._instance.call("stop", now, at_once)

    def progress(self) -> str:
        """Return a snapshot as JSON."""
        return str(self._instance.call("progress"))

    def get(self, path: str, of: Holder = None) -> Any:
        """Return a value of the Workbook by its path, such as `telemetry.counters.success`; None: it has none now.

        `of` is the number of a user, whose task it is of, or the name of a scenario; None: the run as a whole. As `put` and
        `scan`, between two steps. Raises WorkbookError.
        """
        found = _kept(self._instance.call("get", of, path))
        return None if found is None else json.loads(found)

    def put(self, path: str, value: Any, of: Holder = None) -> None:
        """Keep a value in the Workbook. It becomes a change of the stream with the cause `host.put`. Raises WorkbookError."""
        _kept(self._instance.call("put", of, path, json.dumps(value, ensure_ascii=False)))

    def scan(self, prefix: str = "", of: Holder = None) -> dict[str, Any]:
        """Return all values at and below a path by their paths, of `telemetry` those of a section. Raises WorkbookError."""
        return {entry.path: json.loads(entry.value) for entry in _kept(self._instance.call("scan", of, prefix))}


def composer(component: Component, on: wasmtime.Engine, folder: Path) -> Callable[[str], tuple[bool, str]]:
    """Return the vendored composer's `compose`, at work on the files of `folder`."""
    instance = Instance(component, on, COMPOSER, writable=[(folder, "/work")], deadline=60.0)
    return lambda request: _result(instance.call("compose", request))


def imports(component: Component, on: wasmtime.Engine, path: Path) -> tuple[bool, str]:
    """Ask the vendored composer what the component at `path` imports: a JSON list, or what is wrong."""
    instance = Instance(component, on, COMPOSER, read_only=[(path.parent, "/work")], deadline=60.0)
    return _result(instance.call("imports", path.name))


def record(fields: Mapping[str, Any]) -> Any:
    """Return a record of WIT with these fields."""
    made = Record()
    made.__dict__.update(fields)
    return made


def _result(answer: Any) -> tuple[bool, str]:
    # `result<string, string>` arrives as a tagged Variant, as both payloads have the same Python class.
    return answer.tag == "ok", str(answer.payload)


def _peak() -> int:
    """Return the most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def _kept(answer: Any) -> Any:
    """Return what the Workbook answered. Its errors alone arrive as a Variant."""
    if isinstance(answer, Variant):
        raise WorkbookError(str(answer.payload), kind=answer.tag)
    return answer


def _overdue(call: str, then: str = "was stopped") -> TrappedError:
    message = f"WebAssembly code did not return from `{call}` in time and {then}"
    return TrappedError(message, help="a component computes without end, or the machine is overloaded")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]


def _cause(error: Exception) -> str:
    """Return the root cause of a wasmtime error, without its backtrace."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    traps = [line for line in lines if "wasm trap" in line]
    if not traps and "Caused by:" in lines:
        traps = lines[lines.index("Caused by:") + 1 :]
    last = traps[-1] if traps else (lines[0] if lines else type(error).__name__)
    return last.split(": ", 1)[1] if last[:1].isdigit() and ": " in last else last


def target(*, quick: bool = False, trusted: bool = False) -> str:
    """Return the name of a Workshop's `target`."""
    kind = ("quick-" if quick else "") + ("trusted" if trusted else "epoch") + "-sync"
    return f"wasmtime-{VERSION}-{platform.system()}-{platform.machine()}-{kind}".lower()


class Workshop:
    """An engine with its ticker, for as long as components are at work: `with Workshop() as shop: ...`.

    `quick` is for what is called once, as the check before a run is: a first run waits for the compiler more than for
    anything else. `trusted` is for what consists of pmplab's own components and is bounded by itself, as a simulation is:
    there is no deadline then but the user's patience. `target` names what compiled code depends on beside the component's bytes.
    """

    def __init__(self, *, quick: bool = False, trusted: bool = False) -> None:
        self.engine = engine(quick=quick, trusted=trusted)
        self.target = target(quick=quick, trusted=trusted)
        self.ticker = Ticker(self.engine)
        self._trusted = trusted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.ticker.close()

    def interrupt(self, seconds: float) -> None:
        """End the running call as if its deadline of `seconds` had passed: trap it, or where that cannot be, end the process."""
        if self._trusted:
            os.kill(os.getpid(), signal.SIGKILL)
        self.ticker.expire(seconds)


def single_threaded_io() -> None:
    """Give WASI's I/O one thread instead of five. Before the first WASI call, in a process of its own only."""
    os.environ.setdefault("TOKIO_WORKER_THREADS", "1")
