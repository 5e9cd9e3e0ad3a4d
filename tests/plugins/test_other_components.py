"""Components that are not ours: another provider in the place of ours, and one that cannot do what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

import pmplab
from tests.faults import components

if TYPE_CHECKING:
    from tests.conftest import Pmp

WIT = Path(pmplab.__file__).parent / "wit" / "resource" / "provider.wit"
SCRIPT = """\
version: "1.0"
components:
  - {name: http, version: "0.2.1", entry: HTTP}
  - {name: resource-manager, version: "VERSION", entry: MANAGER}
resources:
  pool:
    type: pair_pool
    provider: {component: resource-manager, calls: {acquire: allocate_pair, release: release_pair}}
    config: {manifest: ./pairs.csv, parser: {format: csv, fields: [ip, port]}}
workflows: {w: {steps: [{action: http.get, with: {url: "http://{{resource.ip}}:{{resource.port}}/"}}]}}
load: {scenarios: [{name: s, workflow: w, user-count: 3, user: {inherit: [pool]}}]}
"""


def write(
    folder: Path,
    *,
    http: str = "plugins/http/send.wasm",
    manager: str = "plugins/resource/manager.wasm",
    version: str = "0.4.0",
) -> None:
    script = SCRIPT.replace("HTTP", http).replace("MANAGER", manager).replace("VERSION", version)
    (folder / "script.yaml").write_text(script)
    (folder / "pairs.csv").write_text("".join(f"127.0.0.1,{port}\n" for port in range(20000, 20003)))


def test_a_provider_leases_releases_and_mounts() -> None:
    text = WIT.read_text(encoding="utf-8")
    found = {
        name: (takes, gives) for name, takes, gives in re.findall(r"^  ([\w-]+): func\((.*?)\) -> (.*);$", text, re.MULTILINE)
    }
    assert found["allocate-pair"] == ("%resource: u32, holder: u64, now: u64", "result<lease, error>")
    assert found["release-pair"] == ("lease: u64, now: u64", "result<_, error>")
    assert found["mount-file"] == ("%resource: u32", "result<file, error>")


def test_another_provider_takes_the_place_of_ours(pmp: Pmp, tmp_path: Path) -> None:
    """The one in the bundle says of itself that it is version 9.4.0, which ours is not."""
    other = components.vendored("resource").replace(b"0.4.0", b"9.4.0")
    assert other != components.vendored("resource")
    (tmp_path / "other.wasm").write_bytes(other)
    write(tmp_path, manager="./other.wasm", version="9.4.0")
    done = pmp("run", tmp_path, "--simulate", "--json", "--quiet", "--allow", "resource-manager=files", timeout=180)
    assert done.returncode == 0, done.stderr
    run = pmplab.open_run(json.loads(done.stdout)["run_id"], home=pmp.home)
    assert run.plan is not None
    (manager,) = (one for one in run.plan["components"] if one["name"] == "resource-manager")
    assert (manager["source"], manager["section"]["version"]) == ("bundle", "9.4.0")
    leases = run.frames.leases.collect()
    keys = sorted(leases.filter(pl.col("event") == "acquire")["resource"].cast(pl.String))
    assert [key.rsplit(":", 1)[-1] for key in keys] == ["20000", "20001", "20002"]
    assert sorted(leases.filter(pl.col("event") == "release")["resource"].cast(pl.String)) == keys


def test_a_component_that_comes_up_without_what_it_said_ends_the_run_before_it_begins(pmp: Pmp, tmp_path: Path) -> None:
    """Its section has `hear` where the component has `head`."""
    ours = components.vendored("http")
    section = ours.rindex(b"pmplab:component")
    (tmp_path / "other.wasm").write_bytes(ours[:section] + ours[section:].replace(b'"head"', b'"hear"'))
    write(tmp_path, http="./other.wasm")
    assert pmp("check", tmp_path, "--allow", "http=net").returncode == 0, "nobody asked the component yet"
    done = pmp("run", tmp_path, "--json", "--quiet", "--allow", "http=net", timeout=180)
    assert done.returncode != 0
    assert "its section says capabilities" in done.stderr
    assert "hear" in done.stderr
    newest = max((pmp.home / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    run = pmplab.open_run(newest)
    assert run.status == "failed"
    assert run.frames.actions.collect().is_empty()
