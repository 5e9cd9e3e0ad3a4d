import pytest

from pmplab.errors import UsageError
from pmplab.host.request import RunRequest, pairs


def test_a_request_survives_its_journey_to_the_child():
    request = RunRequest("/b", "b", "/h", "/c", 7, (("a.b", "1"),), (("K", "ü\n"),), {"team": "x"}, shards=3)
    line = request.to_json()
    assert "\n" not in line
    assert RunRequest.from_json(line) == request
    assert request.of_shard(2).shard == 2


def test_assignments_come_as_texts_pairs_or_a_mapping():
    wanted = (("a", "1"), ("b", "x=y"))
    assert pairs(["a=1", "b=x=y"], "--set", "K=V") == wanted
    assert pairs([("a", 1), ("b", "x=y")], "--set", "K=V") == wanted
    assert pairs({"a": 1, "b": "x=y"}, "--set", "K=V") == wanted
    assert pairs("a=1", "--set", "K=V") == (("a", "1"),)


@pytest.mark.parametrize("wrong", ["novalue", "=5", " =5", 7, ("a", "b", "c")])
def test_what_is_no_assignment_is_named_with_its_option(wrong):
    with pytest.raises(UsageError) as caught:
        pairs([wrong], "--set", "K=V")
    assert "--set" in str(caught.value)
