from pmplab.host.compactor import closed_segments


def test_a_segment_is_closed_when_it_has_a_successor(tmp_path):
    for name in ("s0-actions-000001.arrow", "s0-actions-000002.arrow", "s0-load-000001.arrow", "s1-actions-000001.arrow"):
        (tmp_path / name).touch()
    (tmp_path / "s0-host.ndjson").touch()
    assert closed_segments(tmp_path) == {"s0-actions-000001.arrow"}


def test_a_folder_that_is_not_there_has_no_segments(tmp_path):
    assert closed_segments(tmp_path / "live") == set()
