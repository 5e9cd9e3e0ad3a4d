"""The only module that knows ipywidgets: a picture that is redrawn, and two buttons below it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

_VIEW = "application/vnd.jupyter.widget-view+json"
_STILL = "This front end shows no widgets, so the view stands still until the run is over; PMPLAB_WIDGETS=0 has it redrawn."
_SAID = {
    0: "",
    1: "draining: nothing new begins, what is in flight may finish",
    2: "stopping now: what was recorded is kept",
}


def wanted(shell: InteractiveShell | None) -> bool:
    """Return whether to show widgets: in a kernel, unless PMPLAB_WIDGETS=0."""
    return hasattr(shell, "kernel") and os.environ.get("PMPLAB_WIDGETS", "") != "0"


class Panel:
    """A picture and the buttons Drain and Stop now. `ask(now)` is called for a click, on a thread of the kernel's.

    All but the clicks must come from one thread: traits are not meant for two writers.
    """

    def __init__(self, html: str, ask: Callable[[bool], None]) -> None:
        import ipywidgets

        self._picture = ipywidgets.HTML(_fitted(html), layout={"width": "100%", "margin": "0"})
        self._drain = ipywidgets.Button(
            description="Drain",
            tooltip="Begin nothing new, let what is in flight finish, and keep the run",
            icon="hourglass-half",
        )
        self._stop = ipywidgets.Button(
            description="Stop now", tooltip="End at once; what was recorded is kept", icon="stop", button_style="danger"
        )
        self._said = ipywidgets.Label("")
        self._drain.on_click(lambda _: ask(False))
        self._stop.on_click(lambda _: ask(True))
        buttons = ipywidgets.HBox([self._drain, self._stop, self._said], layout={"flex_flow": "row wrap"})
        self._box = ipywidgets.VBox([self._picture, buttons], layout={"width": "100%"})
        self._hear()

    def mimebundle(self, plain: str, html: str) -> dict[str, Any]:
        """Return what the cell shows: the widget, and a picture for who cannot show it."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self._box.model_id}
        return {"text/plain": plain, "text/html": f"{html}<div><small>{_STILL}</small></div>", _VIEW: view}

    def draw(self, html: str, asked: int) -> None:
        """Show a new picture; `asked` is 1 when the run was asked to drain, 2 when to end at once."""
        self._picture.value = _fitted(html)
        if self._said.value != _SAID[asked]:
            self._said.value = _SAID[asked]
            self._drain.disabled, self._stop.disabled = asked > 0, asked > 1
        self._hear()

    def close(self) -> None:
        """Take it from the front end. A notebook that keeps the state of widgets keeps an empty picture."""
        self._picture.value = ""
        for widget in (self._box, *self._box.children[1].children, self._box.children[1], self._picture):
            widget.layout.close()
            widget.close()

    def _hear(self) -> None:
        """Let clicks arrive while a cell blocks the main shell.

        A front end sends them to a subshell, but ipykernel 7.4 hands what a comm is told to the shell that wrote to it last, and
        takes a thread for the main shell. Nothing here answers anybody, so what it has noted can go.
        """
        for button in (self._drain, self._stop):
            vars(button.comm).pop("_reply_subshell_id", None)


def _fitted(html: str) -> str:
    """Keep wide tables from widening the widget beyond a narrow page: they are scrolled."""
    return f'<div style="width:0;min-width:100%">{html}</div>'
