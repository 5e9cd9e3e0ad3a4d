"""How many actions a second a plugin in Python does: the scaffold as it comes, against a line echo; the goal is 2000."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
from pathlib import Path

import pmplab
from pmplab.kit import build, scaffold

USERS, EACH, GOAL = 50, 1000, 2000


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


def _serve(ready: threading.Event, port: list[int]) -> None:
    async def main() -> None:
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    asyncio.run(main())


def main() -> int:
    """Build the scaffold, run it, and say what came of it."""
    ready, port = threading.Event(), []
    threading.Thread(target=_serve, args=(ready, port), daemon=True).start()
    ready.wait(10)
    with tempfile.TemporaryDirectory(prefix="pmplab-bench-") as folder:
        project = scaffold.new("echo", "python", Path(folder) / "echo")
        build.build(project)
        script = project / "example" / "script.yaml"
        text = script.read_text(encoding="utf-8").replace("7007", str(port[0]))
        script.write_text(
            text.replace(
                "user-count: 10, spawn-rate: 10/s, iterations: 20", f"user-count: {USERS}, spawn-rate: 1000/s, iterations: {EACH}"
            )
        )
        home = os.environ.get("PMPLAB_HOME") or str(Path(folder) / "home")
        run = pmplab.run(project / "example", allow=["echo=net"], home=home, wait=True)
        rows = run.frames.actions.collect()
        seconds = (rows["t_end"].max() - rows["t_start"].min()) / 1e9
        well = rows["event"].cast(str).eq("success").sum()
    rate = rows.height / seconds
    print(f"{USERS} users, {rows.height} actions, {well} succeeded: {rate:,.0f} actions/s (goal {GOAL})")
    return 0 if rate >= GOAL and well == rows.height == USERS * EACH else 1


if __name__ == "__main__":
    sys.exit(main())
