"""The follower: every row once, as it comes."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmplab.analysis import seconds
from pmplab.workbook.compact import compact
from pmplab.workbook.follow import Follower
from pmplab.workbook.frames import Frames
from pmplab.workbook.histogram import Histogram, buckets, middle


def test_a_run_without_rows_has_empty_aggregates(tmp_path):
    follower = Follower(tmp_path)
    assert follower.poll() == 0
    assert follower.seconds().is_empty()
    assert follower.nodes().columns[:5] == ["node", "count", "success", "fail", "timeout"]


def test_aggregates_agree_with_the_exact_ones(recorded):
    follower = Follower(recorded)
    assert follower.poll() == 180
    exact = seconds(Frames(recorded).actions).collect()
    found = follower.seconds()
    counts = ["second", "count", "success", "fail", "timeout", "bytes_sent", "bytes_received", "max_ms"]
    assert found.select(counts).equals(exact.select(counts))
    for name in ("p50_ms", "p90_ms", "p95_ms", "p99_ms"):
        assert found[name].to_list() == pytest.approx(exact[name].to_list(), rel=1 / 256)


def test_rows_are_read_once_as_a_segment_grows_byte_by_byte(tmp_path, write_segment):
    path = write_segment(seqs=range(20), batch=4)
    data = path.read_bytes()
    follower = Follower(tmp_path)
    rows = 0
    for cut in range(0, len(data) + 500, 500):
        path.write_bytes(data[:cut])
        rows += follower.poll()
    assert rows == 20
    assert follower.tail()["user"].to_list() == list(range(20))


def test_rows_are_read_once_though_their_segment_became_a_part_half_read(tmp_path, write_segment):
    path = write_segment(number=1, seqs=range(12), batch=4)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 5])
    follower = Follower(tmp_path)
    first = follower.poll()
    assert 0 < first < 12
    path.write_bytes(data)
    write_segment(number=2, seqs=range(12, 15), end=False)
    compact(tmp_path)
    assert first + follower.poll() == 15
    assert follower.tail()["user"].to_list() == list(range(15))
    compact(tmp_path, final=True)
    assert follower.poll() == 0


def test_memory_is_bounded_by_seconds_and_tail(tmp_path, write_segment):
    write_segment(seqs=[second * 1_000_000_000 for second in range(200)])
    follower = Follower(tmp_path, tail=5, seconds=100)
    assert follower.poll() == 200
    assert follower.tail().height == 5
    frame = follower.seconds()
    assert frame["second"].to_list() == list(range(100, 200))
    assert frame["p50_ms"].null_count() == 0
    assert follower.nodes()["count"].to_list() == [200]


def test_what_went_wrong_is_counted_by_node_and_kind_and_each_frame_is_passed_on(recorded):
    frames = []
    follower = Follower(recorded, tail=0, also=frames.append)
    follower.poll()
    assert sum(frame.height for frame in frames) == 180
    exact = Frames(recorded).actions.filter(pl.col("error_type").is_not_null()).collect()
    wrong = follower.wrong()
    assert sum(one.count for one in wrong) == exact.height > 0
    assert [one.count for one in wrong] == sorted((one.count for one in wrong), reverse=True)
    assert follower.tail().is_empty()


def test_the_last_seconds_together_are_what_their_rows_are(recorded):
    follower = Follower(recorded)
    follower.poll()
    since = (follower.latest - 1) * 1_000_000_000
    rows = Frames(recorded).actions.filter(pl.col("t_end") >= since)
    found = follower.lately(2)
    assert found["count"] == rows.collect().height
    exact = seconds(
        rows.with_columns(t_end=since + 0 * pl.col("t_end"), t_intended=since + pl.col("t_intended") - pl.col("t_end"))
    )
    assert found["p50_ms"] == pytest.approx(exact.collect()["p50_ms"].item(), rel=1 / 256)


@given(st.integers(0, (1 << 45) - 1))
def test_the_middle_of_a_bucket_is_near_every_duration_in_it(duration):
    bucket = int(buckets(np.array([duration]))[0])
    assert abs(middle(bucket) - duration) <= max(duration / 256, 0.5)


@given(st.lists(st.integers(0, 1 << 44), min_size=1), st.lists(st.integers(0, 1 << 44)))
def test_merged_histograms_are_those_of_all_durations(left, right):
    one, two, both = Histogram(), Histogram(), Histogram()
    one.add(np.array(left, dtype=np.int64))
    two.add(np.array(right, dtype=np.int64))
    both.add(np.array(left + right, dtype=np.int64))
    one.merge(two)
    assert (one.counts, one.total, one.max) == (both.counts, both.total, both.max)


@given(st.lists(st.integers(0, 1 << 44), min_size=1, max_size=300), st.floats(0, 1))
def test_a_quantile_is_within_the_error_of_the_exact_one(durations, q):
    histogram = Histogram()
    histogram.add(np.array(durations, dtype=np.int64))
    exact = sorted(durations)[int(q * (len(durations) - 1) + 0.5)]
    (found,) = histogram.quantiles([q])
    assert found == pytest.approx(exact, rel=1 / 255, abs=1)


def test_buckets_grow_with_durations():
    durations = np.unique(np.geomspace(1, 1 << 44, 5000).astype(np.int64))
    assert pl.Series(buckets(durations)).is_sorted()
