import subprocess
import sys
from pathlib import Path

import wasmtime
from wasmtime import _ffi

import pmplab
from pmplab.host import _wasm

PACKAGE = Path(pmplab.__file__).parent


def test_one_module_alone_imports_wasmtime():
    importers = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(line.startswith(("import wasmtime", "from wasmtime")) for line in path.read_text(encoding="utf-8").splitlines())
    ]
    assert importers == ["host/_wasm.py"]


def test_the_private_calls_that_open_the_network_are_still_there():
    config = wasmtime.WasiConfig()
    _wasm._allow_network(config)
    assert callable(_ffi.wasi_config_inherit_network)


def test_compiled_code_of_another_machine_is_compiled_anew(tmp_path):
    path = tmp_path / "x.cwasm"
    path.write_bytes(b"not compiled code")
    assert _wasm.load_compiled(_wasm.engine(), path) is None


def test_compiled_code_is_kept_whole_and_loaded_again(tmp_path):
    engine = _wasm.engine()
    component = _wasm.compile_component(engine, b"\0asm\x0d\0\x01\0", "an empty component")
    path = tmp_path / "deep" / "x.cwasm"
    _wasm.save_compiled(component, path)
    assert _wasm.load_compiled(engine, path) is not None
    assert list(path.parent.iterdir()) == [path]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    file = tmp_path / "file"
    file.touch()
    component = _wasm.compile_component(_wasm.engine(), b"\0asm\x0d\0\x01\0", "an empty component")
    _wasm.save_compiled(component, file / "x.cwasm")


def test_the_package_is_imported_without_wasmtime_and_polars():
    code = (
        "import sys, pmplab, pmplab.errors;"
        "print([m for m in ('wasmtime', 'polars', 'pandas', 'pyarrow', 'yaml') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_child_imports_neither_polars_nor_pyarrow_nor_pandas():
    code = (
        "import sys, pmplab.host.worker, pmplab.host.lead, pmplab.host.follow, pmplab.host._wasm;"
        "print([m for m in ('polars', 'pandas', 'pyarrow', 'numpy', 'yaml', 'IPython') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_code_compiled_quickly_is_kept_apart_from_code_compiled_well() -> None:
    with _wasm.Workshop(quick=True) as quick, _wasm.Workshop() as well:
        assert quick.target != well.target
