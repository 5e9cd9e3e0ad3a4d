"""A following shard: it composes, says that it is ready, waits for `go`, and runs."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmplab.host.hosttable import HostTable
from pmplab.host.shard import Shard

if TYPE_CHECKING:
    from pmplab.host._wasm import Workshop
    from pmplab.host.compose import Composed
    from pmplab.host.control import Control
    from pmplab.host.emit import Emitter
    from pmplab.host.request import RunRequest


def follow(
    request: RunRequest,
    asked: dict[str, Any],
    shop: Workshop,
    composed: Composed,
    control: Control,
    emitter: Emitter,
    lines: queue.SimpleQueue[str],
) -> int:
    """Run a shard that another process leads. Returns the exit status."""
    shard = Shard(request, asked, shop, composed)
    shard.start()
    emitter.event("ready")
    while control.level == 0:
        try:
            if lines.get(timeout=0.1) == "go":
                break
        except queue.Empty:
            continue
    table = HostTable(Path(request.run_dir), request.shard, shard)
    ending = shard.drive(control, progress=emitter.progress, second=table.row)
    table.row(shard.end(ending))
    table.close()
    # The final snapshot must arrive, whatever waits in the pipe.
    emitter.event("progress", **{k: v for k, v in ending.progress.items() if k != "type"})
    emitter.event("finished", t0_wall_ns=shard.t0_wall_ns, **ending.event())
    return ending.exit
