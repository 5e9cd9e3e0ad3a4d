"""The child process of a run: `python -m pmplab.host.worker`, which reads its request as the first line of stdin.

It imports neither Polars nor pyarrow nor pandas: what it holds in memory counts as the generator's.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.errors import PmpError
from pmplab.host import limits
from pmplab.host.control import Control
from pmplab.host.emit import Emitter
from pmplab.host.request import RunRequest

if TYPE_CHECKING:
    from pmplab.host.check import Checked
    from pmplab.host.compose import Composed

_REQUEST_S = 60.0
_FLUSH_S = 5.0


def main() -> int:
    """Run one shard, or lead a whole run. Returns the exit status."""
    out = os.dup(1)
    # A stray print, or a library's warning, must not look like an event.
    os.dup2(2, 1)
    emitter = Emitter(out)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    control = Control(0, lines.put)
    try:
        request = RunRequest.from_json(lines.get(timeout=_REQUEST_S))
        from pmplab.host._wasm import single_threaded_io

        single_threaded_io()
        limits.raise_open_files()
        status = _serve(request, control, emitter, lines)
    except PmpError as error:
        emitter.event(
            "refused", code=error.code, message=error.message, place=error.place, help=error.help, exit=error.exit_status
        )
        status = error.exit_status
    except queue.Empty:
        return 2
    except Exception as error:  # noqa: BLE001 - the last resort: the trace goes to a file, the user gets one line
        path = _report()
        message = f"pmplab failed: {type(error).__name__}: {error}"
        emitter.event(
            "refused",
            code="PMP-E0819",
            message=message,
            place=path,
            exit=1,
            help="this is a defect of pmplab; the file has the details",
        )
        status = 1
    emitter.flush(_FLUSH_S)
    return status


def _report() -> str | None:
    """Write the current exception where it can be sent in from. Returns the file, or None."""
    text = traceback.format_exc()
    sys.stderr.write(text)
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile("w", prefix="pmplab-report-", suffix=".txt", delete=False, encoding="utf-8") as file,
    ):
        file.write(text)
        return file.name
    return None


def _serve(request: RunRequest, control: Control, emitter: Emitter, lines: queue.SimpleQueue[str]) -> int:
    from pmplab.host import _wasm
    from pmplab.host.check import check_with, core_request

    asked = core_request(
        overrides=request.overrides,
        thresholds=request.thresholds,
        env=request.env,
        allow=request.allow,
        allow_sha=request.allow_sha,
        strict=request.strict,
        mode=request.mode,
        shards=request.shards,
        bundle_name=request.bundle_name,
        bundle=Path(request.bundle),
        simulate=request.simulate,
        sim=request.sim,
    )
    bundle, cache = Path(request.bundle), Path(request.cache)
    checked = check_with(cache, bundle, asked, memory=request.memory_limit)
    if not checked.ok or checked.plan is None:
        emitter.event("rejected", answer=checked.answer)
        return 2
    asked["providers"] = [part.entry for part in checked.providers]
    ours = all(part.source == "vendored" for part in (*checked.slots, *checked.providers))
    with _wasm.Workshop(trusted=checked.simulated and ours) as shop:
        if request.shard:
            from pmplab.host.follow import follow

            return follow(request, asked, shop, _composed(request, shop, checked), control, emitter, lines)
        from pmplab.host.lead import lead

        return lead(request, asked, checked, shop, lambda: _composed(request, shop, checked), control, emitter)


def _composed(request: RunRequest, shop: Any, checked: Checked) -> Composed:
    from pmplab.host.compose import compose

    return compose(shop, Path(request.cache), bundle=Path(request.bundle), slots=checked.slots, providers=checked.providers)


if __name__ == "__main__":
    sys.exit(main())
