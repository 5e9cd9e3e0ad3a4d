"""The few commands of the WebDriver protocol that a browser test needs, spoken to chromedriver."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def available() -> bool:
    """Say whether there are a Chromium and its driver."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Browser:
    """A headless Chromium. A context manager; everything ends with it."""

    def __init__(self, profile: Path, *, width: int = 1500, height: int = 1100) -> None:
        self._profile = profile
        self._size = f"--window-size={width},{height}"

    def __enter__(self) -> Self:
        import socket

        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._base = f"http://127.0.0.1:{port}"
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._await_driver()
            options = {"args": [*ARGUMENTS, self._size, f"--user-data-dir={self._profile}"], "binary": shutil.which("chromium")}
            capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
            session = self._ask("POST", "/session", {"capabilities": capabilities})["sessionId"]
        except BaseException:
            self._end()
            raise
        self._base += f"/session/{session}"
        self._ask("POST", "/timeouts", {"script": 30_000, "pageLoad": 60_000})
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._ask("DELETE", "")
        except OSError:
            pass
        finally:
            self._end()

    def _end(self) -> None:
        self._driver.terminate()
        try:
            self._driver.wait(10)
        except subprocess.TimeoutExpired:
            self._driver.kill()
            self._driver.wait()

    def open(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    def resize(self, width: int, height: int) -> None:
        self._ask("POST", "/window/rect", {"width": width, "height": height})

    def run(self, script: str, *args: Any) -> Any:
        """Run JavaScript and return what it returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(args)})

    def until(self, script: str, seconds: float = 60) -> Any:
        """Run JavaScript until it returns something true, and return that."""
        end = time.monotonic() + seconds
        while True:
            try:
                found = self.run(script)
            except WebDriverError:
                found = None
            if found:
                return found
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s: {script}")
            time.sleep(0.3)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def _await_driver(self) -> None:
        end = time.monotonic() + 20
        while True:
            try:
                self._ask("GET", "/status")
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
            else:
                return

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise WebDriverError(json.load(error)["value"]["message"]) from None


class WebDriverError(Exception):
    """What the driver complained of."""
