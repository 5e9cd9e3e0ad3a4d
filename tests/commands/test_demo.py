from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from pmplab import demo
from pmplab.errors import BundleError, EngineError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_demo_copies_the_bundle_and_names_its_target() -> None:
    with demo.prepare(ports=5, users=3) as found:
        assert found.overrides == ("load.scenarios[0].user-count=3", "resources.ip-port-pool.capacity.size=5")
        assert (found.bundle / "resource.yaml").read_text() == "".join(f"127.0.0.1,{port}\n" for port in found.target.ports)
        assert (found.bundle / "script.yaml").read_bytes() == (demo.bundle_path() / "script.yaml").read_bytes()
        folder = found.bundle
    assert not folder.exists()
    assert not folder.parent.exists()


def test_with_as_many_ports_as_the_script_has_pairs_nothing_is_overridden() -> None:
    with demo.prepare() as found:
        assert found.overrides == ()


def test_a_kept_copy_stays_and_is_never_written_over(tmp_path: Path) -> None:
    with demo.prepare(ports=1, keep=tmp_path / "kept"):
        pass
    assert (tmp_path / "kept" / "script.yaml").exists()
    with pytest.raises(UsageError, match="not empty"):
        demo.prepare(ports=1, keep=tmp_path / "kept")


def test_a_target_that_cannot_start_is_one_sentence() -> None:
    with demo.prepare(ports=1) as found, pytest.raises(EngineError, match="the target did not start"):
        demo.prepare(ports=1, port=found.target.ports[0])


def test_there_is_no_other_bundle() -> None:
    with pytest.raises(BundleError):
        demo.bundle_path("nope")


@pytest.mark.parametrize(
    ("name", "sha"),
    [
        ("http-tri-phase", "35d8dbc50e64769254962369165716edf0f78b5a4cbf802b23db67d95be7b059"),
        ("asset-refresh", "de1523fe425cfc5169712c69bd014bf60a39e4d7fda182d3c19eb9d8b1ea415f"),
    ],
)
def test_the_scripts_of_the_bundles_are_those_of_the_design_draft(name: str, sha: str) -> None:
    assert hashlib.sha256((demo.bundle_path(name) / "script.yaml").read_bytes()).hexdigest() == sha


def test_every_bundle_has_the_thousand_pairs_that_its_script_asks_for() -> None:
    for name in ("http-tri-phase", "asset-refresh"):
        rows = (demo.bundle_path(name) / "resource.yaml").read_text().splitlines()
        assert len(set(rows)) == 1000
