from pmplab.host.shards import join_progress, worst


def scenario(**fields):
    return {"name": "a", "planned": 1, "duration_ns": 5, **fields}


def test_counts_add_up_and_times_take_the_latest():
    joined = join_progress(
        [
            {"t": 1, "phase": "finished", "scenarios": [scenario(users=3, actual_last_spawn_ns=None)], "leases": {"live": 1}},
            {"t": 4, "phase": "running", "scenarios": [scenario(users=2, actual_last_spawn_ns=9)], "leases": {"live": 2}},
        ]
    )
    assert joined["phase"] == "running"
    assert joined["t"] == 4
    assert joined["leases"] == {"live": 3}
    (one,) = joined["scenarios"]
    assert (one["users"], one["actual_last_spawn_ns"], one["duration_ns"], one["name"]) == (5, 9, 5, "a")


def test_a_run_is_as_bad_as_its_worst_shard():
    endings = [{"status": s} for s in ("finished", "trapped", "stopped")]
    assert worst(endings)["status"] == "trapped"
    assert worst(endings[:1])["status"] == "finished"
