"""The widget without a front end: ipywidgets keep their state all the same."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from pmplab.magics import widget


def test_the_buttons_ask_and_the_pump_says_so() -> None:
    asked: list[bool] = []
    panel = widget.Panel("<p>first</p>", asked.append)
    shown = panel.mimebundle("Run r1", "<p>first</p>")
    assert shown["text/plain"] == "Run r1"
    assert "PMPLAB_WIDGETS=0" in shown["text/html"], "who sees no widget is told what to do"
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == panel._box.model_id
    panel._drain.click()
    panel.draw("<p>second</p>", 1)
    assert "<p>second</p>" in panel._picture.value
    assert (panel._drain.disabled, panel._stop.disabled) == (True, False)
    assert panel._said.value.startswith("draining")
    panel._stop.click()
    panel.draw("<p>third</p>", 2)
    assert panel._stop.disabled
    assert asked == [False, True]


def test_nothing_is_left_of_it() -> None:
    panel = widget.Panel("<p>first</p>", lambda now: None)
    parts = [panel._box, panel._picture, panel._drain, panel._stop, panel._said, panel._box.children[1]]
    panel.close()
    assert panel._picture.value == ""
    assert all(part.comm is None and part.layout.comm is None for part in parts)


def test_widgets_are_shown_in_kernels_only_and_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PMPLAB_WIDGETS", raising=False)
    kernel, terminal = SimpleNamespace(kernel=object()), SimpleNamespace()
    assert widget.wanted(kernel)  # type: ignore[arg-type]
    assert not widget.wanted(terminal)  # type: ignore[arg-type]
    assert not widget.wanted(None)
    monkeypatch.setenv("PMPLAB_WIDGETS", "0")
    assert not widget.wanted(kernel)  # type: ignore[arg-type]


def test_loading_the_extension_imports_neither_widgets_nor_frames() -> None:
    code = "import sys, IPython; shell = IPython.InteractiveShell.instance(); shell.run_line_magic('load_ext', 'pmplab')\n"
    code += "print([name for name in ('ipywidgets', 'polars', 'pandas', 'plotly', 'wasmtime') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"
