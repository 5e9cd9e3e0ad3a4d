from __future__ import annotations

import io

from pmplab.view.progress import ProgressLine, Rates, bar, lines

from . import samples


def shown(*, redraw: bool, width: int = 200) -> tuple[io.StringIO, ProgressLine, list[float]]:
    stream, clock = io.StringIO(), [0.0]
    return stream, ProgressLine(stream, redraw=redraw, width=lambda: width, now=lambda: clock[0]), clock


def test_two_levels() -> None:
    assert lines(samples.progress(), {"http-bulk": 440.1}) == [
        "running (5.3s), 871/1000 users, 129 tasks done, 2310 actions, 12 failed, 14 in flight",
        "  http-bulk     [===>--------------------]  0871/1000 users  13%  440 actions/s  3 waiting",
    ]


def test_a_scenario_with_a_planned_end_shows_time_against_it() -> None:
    line = lines(samples.progress(duration_ns=10_600_000_000), {})[1]
    assert "[============>-----------]" in line
    assert "5.3s/10.6s" in line


def test_a_terminal_is_redrawn_in_place() -> None:
    stream, line, _ = shown(redraw=True)
    line.update(samples.progress())
    first = stream.getvalue()
    line.update(samples.progress())
    assert stream.getvalue()[len(first) :].startswith("\x1b[2A\x1b[J")
    line.close()
    line.close()
    assert stream.getvalue().endswith("\x1b[2A\x1b[J")


def test_a_narrow_terminal_gets_lines_that_do_not_wrap() -> None:
    stream, line, _ = shown(redraw=True, width=40)
    line.update(samples.progress())
    assert all(len(text) <= 39 for text in stream.getvalue().splitlines())


def test_elsewhere_a_line_comes_every_ten_seconds() -> None:
    stream, line, clock = shown(redraw=False)
    for second in range(41):
        clock[0] = float(second)
        line.update(samples.progress())
    written = stream.getvalue().splitlines()
    assert len(written) == 4
    assert "\x1b" not in stream.getvalue()
    assert written[0].startswith("running (5.3s), 871/1000 users")


def test_rates_are_those_of_about_the_last_second() -> None:
    rates = Rates()
    for tick in range(41):
        found = rates.update(
            {"t": tick * 250_000_000, "scenarios": [{"name": "s", "finished": tick * 25 if tick <= 20 else 500}]}
        )
        if tick == 20:
            assert 95 <= found["s"] <= 105
    assert found["s"] == 0


def test_no_scenarios_and_no_time_are_no_error() -> None:
    assert lines({}, {}) == ["running (0.0s), 0/0 users, 0 tasks done, 0 actions"]
    assert Rates().update({"t": 0, "scenarios": [{"name": "s", "finished": 0}]}) == {"s": 0.0}


def test_bars() -> None:
    assert [bar(share, 4) for share in (0, 0.5, 1)] == ["[>---]", "[==>-]", "[====]"]
