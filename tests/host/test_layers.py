"""Host, core, protocol: the host speaks to the core, and the core to the components."""

from pathlib import Path

import pmplab
from pmplab.host import _wasm
from pmplab.host.compose import Part, compose

NAMES = ("pmplab:protocol", "pmplab:resource", "run-action", "allocate-pair")
PACKAGE = Path(pmplab.__file__).parent
PARTS = (
    Part("web", "plugins/http/send.wasm", "vendored", ("net",)),
    Part("rm", "plugins/resource/manager.wasm", "vendored", ("files",)),
)


def test_what_the_host_can_call_of_a_composition_is_the_core_alone(tmp_path):
    with _wasm.Workshop(quick=True) as shop:
        composed = compose(shop, tmp_path, slots=PARTS[:1], providers=PARTS[1:])
        assert list(composed.component.type.exports(shop.engine)) == [_wasm.CORE]


def test_the_core_imports_its_components_and_no_network():
    text = (PACKAGE / "wit" / "runner" / "world.wit").read_text(encoding="utf-8")
    imports = [line.split()[1].rstrip(";") for line in text.splitlines() if line.startswith("  import ")]
    assert [name for name in imports if name.startswith("slot")]
    assert [name for name in imports if name.startswith("provider")]
    assert not [name for name in imports if "sockets" in name or "http" in name]


def test_no_module_knows_a_contract_of_a_component():
    """But for the kit, whose suite stands in for the core."""
    for path in PACKAGE.rglob("*.py"):
        if not {"plugins", "kit"} & set(path.relative_to(PACKAGE).parts):
            text = path.read_text(encoding="utf-8")
            assert not [name for name in NAMES if name in text], path
