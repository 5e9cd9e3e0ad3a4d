"""The real YAML language server offers the keys of the language, with their sentences, where they belong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import pmplab.bundle.schema

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = os.environ.get("PMPLAB_YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")
SCHEMA = Path(pmplab.bundle.schema.__file__).with_name("script.json")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SERVER is None or shutil.which("node") is None, reason="needs node and yaml-language-server"),
]


class Server:
    """A client of the language server, over its standard streams."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self.last = process, 0
        self.diagnostics: dict[str, list[str]] = {}

    def send(self, method: str, params: Any, **more: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self._write(body)

    def ask(self, method: str, params: Any) -> Any:
        self.last += 1
        self.send(method, params, id=self.last)
        while (message := self._next()).get("id") != self.last or "method" in message:
            pass
        return message["result"]

    def underlined(self, uri: str) -> list[str]:
        """The messages of a document, once they come."""
        while uri not in self.diagnostics:
            self._next()
        return self.diagnostics[uri]

    def _next(self) -> Any:
        """The next message; what asks for an answer gets it."""
        message = self._read()
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = [d["message"] for d in message["params"]["diagnostics"]]
        if "method" in message and "id" in message:
            settings = message["method"] == "workspace/configuration"
            result = [{} for _ in message["params"]["items"]] if settings else None
            self._write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode())
        return message

    def _write(self, body: bytes) -> None:
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _read(self) -> Any:
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        body = self.process.stdout.read(length)
        assert body, "the language server ended"
        return json.loads(body)

    def open(self, name: str, text: str) -> str:
        uri = Path("/", f"{name}.yaml").as_uri()
        first = f"# yaml-language-server: $schema={SCHEMA}\n"
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": first + text}
        self.send("textDocument/didOpen", {"textDocument": document})
        return uri

    def offered(self, text: str) -> dict[str, str]:
        """What is offered where `text` has a `|`, with its documentation."""
        before = text[: text.index("|")]
        uri = self.open(f"at-{self.last}", text.replace("|", ""))
        position = {"line": before.count("\n") + 1, "character": len(before.rsplit("\n", 1)[-1])}
        found = self.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
        items = found["items"] if isinstance(found, dict) else found
        return {item["label"]: str(item.get("documentation") or "") for item in items}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with subprocess.Popen(["node", SERVER, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        found = Server(process)
        found.ask("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": {}})
        found.send("initialized", {})
        yield found
        process.kill()


def test_keys_of_a_scenario_come_with_their_sentences(server):
    found = server.offered("load:\n  scenarios:\n    - name: a\n      |\n")
    assert {"workflow", "user-count", "spawn-rate", "arrival", "exits", "user"} <= set(found)
    assert "user_count" not in found
    assert "name" not in found
    assert "how fast they come" in found["spawn-rate"].lower()


def test_keys_of_a_step_come_inside_a_loop_too(server):
    found = server.offered("workflows:\n  w:\n    steps:\n      - loop:\n          count: 3\n          steps:\n            - |\n")
    assert {"ref", "action", "if", "loop", "parallel", "goto"} <= set(found)


def test_values_from_a_list_of_words_are_offered(server):
    found = server.offered("resources:\n  p:\n    provider:\n      leasing:\n        strategy: |\n")
    assert set(found) == {"round-robin", "least-used", "random", "sticky"}


def test_the_targets_that_every_workflow_has_are_offered(server):
    assert {"error_out", "closing", "monitoring.retry"} <= set(server.offered("workflows:\n  w:\n    steps:\n      - goto: |\n"))


def test_an_unknown_key_is_underlined(server):
    uri = server.open("wrong", "load:\n  scenarios:\n    - {name: a, workflow: w, user-cnt: 1}\n")
    assert any("user-cnt" in message for message in server.underlined(uri))
