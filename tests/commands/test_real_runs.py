"""The faces with the real components behind them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from IPython.core.interactiveshell import InteractiveShell

from pmplab.demo import prepare
from pmplab.errors import DiagnosticsError
from pmplab.magics import load, unload

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Pmp


def test_the_demo_prints_one_object_and_nothing_else(pmp: Pmp) -> None:
    done = pmp("demo", "--ports", 20, "--users", 20, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["users"], found["leases"]["live"]) == ("finished", 20, 0)
    assert {name: row["count"] for name, row in found["actions"].items()} == {
        "probe-get": 20,
        "push-post": 20,
        "purge-delete": 20,
    }
    assert found["target"]["orders"] == {"GET POST DELETE": 20}
    assert found["target"]["echo"] == {"same": 20, "other": 0, "unread": 0}
    shown = pmp("show", found["run_id"])
    assert "finished" in shown.stdout
    assert found["run_id"] in pmp("runs").stdout


def test_the_bundles_pass_their_own_check(pmp: Pmp) -> None:
    for name in ("http-tri-phase", "asset-refresh"):
        with prepare(ports=1) as demo:
            bundle = demo.bundle if name == "http-tri-phase" else _copy(name, demo.bundle.parent / name)
            override = ("--set", "resources.ip-port-pool.capacity.size=1") if name == "http-tri-phase" else ()
            done = pmp("check", bundle, *override)
            assert done.returncode == 0, done.stderr
            tree = pmp("wbs", bundle, *override)
            assert "L5" in tree.stdout


def _copy(name: str, folder: Path) -> Path:
    import shutil

    from pmplab.demo import bundle_path

    shutil.copytree(bundle_path(name), folder)
    return folder


def test_a_cell_with_a_mistake_points_at_its_own_line(pmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMPLAB_HOME", str(pmp_home))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    load(shell)
    try:
        with prepare(ports=2, users=2) as demo:
            script = (demo.bundle / "script.yaml").read_text().replace("spawn-rate", "spawn-rte").replace("size: 1000", "size: 2")
            at = next(number for number, text in enumerate(script.splitlines(), 2) if "spawn-rte" in text)
            with pytest.raises(DiagnosticsError) as caught:
                shell.run_cell_magic("pmp", f"check --files {demo.bundle}", script)
            assert f"--> In[{shell.displayhook.prompt_count}]:{at}:" in caught.value.rendered
            good = script.replace("spawn-rte", "spawn-rate").replace("user-count: 1000", "user-count: 2")
            run = shell.run_cell_magic("pmp", f"run --files {demo.bundle} --wait --quiet", good)
            assert (run.status, run.summary().tasks) == ("finished", 2)
            assert set(run._repr_mimebundle_()) == {"text/plain", "text/html"}
    finally:
        unload(shell)
        InteractiveShell.clear_instance()
