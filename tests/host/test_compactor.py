from pmplab.host.compactor import Compactor, closed_segments


def test_a_segment_is_closed_when_it_has_a_successor(tmp_path):
    for name in ("s0-actions-000001.arrow", "s0-actions-000002.arrow", "s0-load-000001.arrow", "s1-actions-000001.arrow"):
        (tmp_path / name).touch()
    (tmp_path / "s0-host.ndjson").touch()
    assert closed_segments(tmp_path) == {"s0-actions-000001.arrow"}


def test_a_folder_that_is_not_there_has_no_segments(tmp_path):
    assert closed_segments(tmp_path / "live") == set()


def test_processes_are_started_ten_seconds_apart_however_fast_segments_are_closed(tmp_path, monkeypatch):
    live, now = tmp_path / "live", 100.0
    live.mkdir()
    started = []
    compactor = Compactor(tmp_path, clock=lambda: now)
    monkeypatch.setattr(compactor, "_start", lambda *_options: started.append(now))
    (live / "s0-windows-000001.arrow").touch()
    for number in range(2, 27):
        (live / f"s0-windows-{number:06}.arrow").touch()
        compactor.look()
        now += 1
    assert started == [100.0, 110.0, 120.0]
