"""An IPython shell with the magic in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.core.interactiveshell import InteractiveShell

from pmplab.magics import load, unload

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """Return the one shell of this process, made anew."""
    InteractiveShell.clear_instance()
    found = InteractiveShell.instance()
    load(found)
    yield found
    unload(found)
    InteractiveShell.clear_instance()
