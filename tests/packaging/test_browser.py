"""The quickstart in a real JupyterLab in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging import jupyter, webdriver

NOTEBOOK = Path(__file__).parent.parent.parent / "notebooks" / "01-quickstart.ipynb"


@pytest.mark.browser
@pytest.mark.timeout(400)
@pytest.mark.skipif(not webdriver.available(), reason="no chromium and chromedriver")
def test_the_quickstart_runs_in_jupyterlab(tmp_path):
    picture = tmp_path / "quickstart.png"
    cells = jupyter.run_all(NOTEBOOK, picture, tmp_path)
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] != "error", output
            assert not (
                output["output_type"] == "stream" and output["name"] == "stderr" and "Traceback" in "".join(output["text"])
            )
    assert all(cell["count"] for cell in cells if cell["source"].strip())
    shown = [set(output.get("data", ())) for cell in cells for output in cell["outputs"]]
    assert any("text/html" in kinds and "text/plain" in kinds for kinds in shown), "a run shows itself in HTML and in plain text"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
