"""Parts of the language at work against a real server on loopback: what is leased, kept and injected arrives there."""

from __future__ import annotations

import socket

import polars as pl
import pytest

from pmplab.target import TargetProcess
from tests.faults import bundles
from tests.faults.runs import assert_books_balance, result, table


def has_ipv6() -> bool:
    """Say whether this machine has an IPv6 loopback."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def edit(folder, *changes):
    script = folder / "script.yaml"
    text = script.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    script.write_text(text, encoding="utf-8")
    return folder


def run(pmp, folder, *options):
    found = result(pmp("run", folder, *options, "--json", "--quiet"))
    assert found.get("status") == "finished", found
    assert_books_balance(found)
    return found


@pytest.mark.skipif(not has_ipv6(), reason="needs an IPv6 loopback")
@pytest.mark.parametrize("leased", [False, True], ids=["written out", "leased"])
def test_a_target_may_have_an_ipv6_address(pmp, tmp_path, leased):
    with TargetProcess(ports=4, host="::1") as target:
        if leased:
            bundle = bundles.write_leasing(tmp_path, target.ports[0], users=4, duration=None)
            edit(bundle, ("http://{{resource.ip}}:", "http://[{{resource.ip}}]:"))
            (bundle / "resource.yaml").write_text("".join(f"::1,{port}\n" for port in target.ports), encoding="utf-8")
        else:
            bundle = bundles.write(tmp_path, f"http://[::1]:{target.ports[0]}/asset", users=4, timeout="10s")
        found = run(pmp, bundle)
        seen = target.stats()
    assert seen["totals"]["requests"] == {"GET": 4}
    assert sum(bool(port["requests"]) for port in seen["ports"].values()) == (4 if leased else 1)
    assert set(table(found, "actions")["event"]) == {"success"}


def test_the_entry_that_was_leased_least_comes_next(pmp, tmp_path):
    with TargetProcess(ports=3) as target:
        bundle = bundles.write_leasing(tmp_path, target.ports[0], users=12, duration=None)
        edit(bundle, ("strategy: round-robin", "strategy: least-used"), ("size: 12", "size: 3"))
        (bundle / "resource.yaml").write_text("".join(f"127.0.0.1,{port}\n" for port in target.ports), encoding="utf-8")
        found = run(pmp, bundle)
        seen = target.stats()
    given = table(found, "leases").filter(pl.col("event") == "acquire").sort("seq")["resource"].to_list()
    used = dict.fromkeys(given, 0)
    for entry in given:
        assert used[entry] == min(used.values())
        used[entry] += 1
    assert sorted(used.values()) == [4, 4, 4]
    assert [port["requests"]["GET"] for port in seen["ports"].values()] == [4, 4, 4]


def test_what_a_store_keeps_is_read_by_templates_and_by_calls(pmp, tmp_path):
    with TargetProcess(ports=1) as target:
        bundle = bundles.write(
            tmp_path, f"http://127.0.0.1:{target.ports[0]}/assets/{{{{resource.book.name}}}}", users=3, timeout="10s"
        )
        edit(
            bundle,
            ("workflows:\n", STORE + "workflows:\n"),
            ("      - ref: ask\n", "      - ref: keep\n      - ref: recall\n      - ref: ask\n      - ref: send\n"),
            ("load:\n", CALLS.format(port=target.ports[0]) + "load:\n"),
            ("capabilities: [get]", "capabilities: [get, post]"),
        )
        found = run(pmp, bundle)
        seen = target.stats()
    rows = table(found, "actions")
    assert set(rows["event"]) == {"success"}, rows.select("node", "error_type", "message").rows()
    assert dict(rows.group_by(pl.col("node").str.split("/").list.last()).len().rows()) == {
        "keep": 3,
        "recall": 3,
        "ask": 3,
        "send": 3,
    }
    assert seen["totals"]["requests"] == {"GET": 3, "POST": 3}


def test_an_injected_variable_arrives_at_the_target(pmp, tmp_path):
    with TargetProcess(ports=1) as target:
        url = f"http://127.0.0.1:{target.ports[0]}/status/{{{{env.ANSWER}}}}"
        bundle = bundles.write(tmp_path, url, users=3, timeout="10s")
        found = run(pmp, bundle, "--env", "ANSWER=202")
        seen = target.stats()
        refused = pmp("run", bundle, "--env", "OTHER=202", "--json", "--quiet")
        after = target.stats()
    assert set(table(found, "actions")["status"]) == {202}
    assert seen["totals"]["requests"] == {"GET": 3}
    assert refused.returncode == 2
    assert "ANSWER" in refused.stderr
    assert after["totals"]["requests"] == seen["totals"]["requests"]


STORE = """\
  - name: keeper
    version: "0.4.0"
    kind: wasi-component
    entry: plugins/resource/manager.wasm
resources:
  book:
    type: kv_store
    provider:
      component: keeper
    config:
      data: {name: first}
"""

CALLS = """\
  keep:
    component: keeper
    call: put
    with: {{store: book, key: "user-{{{{env.user_id}}}}", value: "{{{{env.user_id}}}}"}}
  recall:
    component: keeper
    call: get
    with: {{store: book, key: "user-{{{{env.user_id}}}}"}}
    save-as: kept
    expect: "{{{{found == true and value == env.user_id}}}}"
  send:
    component: http
    call: post
    with: {{url: "http://127.0.0.1:{port}/asset", body: "{{{{kept.value}}}}"}}
"""
