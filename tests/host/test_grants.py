import pytest

from pmplab.errors import GrantError, UsageError
from pmplab.host.grants import enforce, parse_allow

SOCKETS = "wasi:sockets/tcp@0.2.12"


def test_sockets_need_the_grant_net():
    with pytest.raises(GrantError) as caught:
        enforce("sneaky", ["wasi:io/poll@0.2.0", SOCKETS], [])
    assert "sneaky" in str(caught.value)
    assert SOCKETS in str(caught.value)
    assert caught.value.exit_status == 2
    assert "--allow sneaky=net" in caught.value.help


def test_wasi_http_needs_the_grant_net_too():
    with pytest.raises(GrantError):
        enforce("x", ["wasi:http/outgoing-handler@0.2.0"], ["files"])
    enforce("x", ["wasi:http/outgoing-handler@0.2.0"], ["net"])


def test_only_the_core_opens_the_preopened_folders():
    name = "wasi:filesystem/preopens@0.2.12"
    enforce("runner", [name], [], core=True)
    for grants in ([], ["files", "net"]):
        with pytest.raises(GrantError):
            enforce("x", [name], grants)


def test_the_core_gets_no_network():
    with pytest.raises(GrantError):
        enforce("runner", [SOCKETS], [], core=True)


def test_an_import_that_nobody_knows_is_refused():
    with pytest.raises(GrantError):
        enforce("x", ["acme:telemetry/send@1.0.0"], ["net", "files"])


def test_clocks_polls_and_types_are_free():
    enforce("x", ["wasi:clocks/monotonic-clock@0.2.12", "wasi:io/poll@0.2.12", "wasi:filesystem/types@0.2.12"], [])


def test_allow_texts_add_up():
    assert parse_allow(["ftp=net,files", "sip=net", "ftp=net"]) == {"ftp": ["net", "files"], "sip": ["net"]}
    assert parse_allow({"ftp": ["net"]}) == {"ftp": ["net"]}


@pytest.mark.parametrize("text", ["ftp", "ftp=", "=net", ""])
def test_an_allow_text_that_grants_nothing_is_refused(text):
    with pytest.raises(UsageError, match="grants nothing"):
        parse_allow([text])


def test_a_misspelt_grant_is_met_with_a_guess():
    with pytest.raises(UsageError) as caught:
        parse_allow(["ftp=nett"])
    assert caught.value.help == "did you mean `net`?"
