"""Full machines, by what `instance-monitor.py` writes into their own log."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcp_engine.builtin.troubles.full import (
    full_streams,
    machine_full,
    machine_of,
    pattern,
)
from dcp_engine.builtin.troubles.scene import Known
from dcp_engine.ports import LogLine
from tests.unit.numbers import at
from tests.unit.troubles.scenes import roll, scene

DF = """Filesystem      Size  Used Avail Use% Mounted on
overlay          22G   {used}G  1.2G  {percent}% /
tmpfs            64M   64M     0 100% /dev
shm              64M   64M     0 100% /dev/shm
/dev/nvme1n1     22G   2.0G  20G   9% /etc/hosts
/dev/loop0       25M   25M     0 100% /snap/core
s3fs            256T  256T     0 100% /home/ubuntu/bucket
"""
DF_INODES = """Filesystem     Inodes IUsed IFree IUse% Mounted on
overlay          1.4M  1.4M     0  {percent}% /
"""
VMSTAT = """procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
 r  b   swpd   free  inact active   si   so    bi    bo   in   cs us sy id wa st
 4  0      0 {free:>6} {inact:>6} {active:>6}    0    0    14    58   20   33  2  1 97  0  0
"""
IOSTAT = """Linux 5.10.0 (ip-10-0-0-1)  01/01/30  _x86_64_  (4 CPU)

avg-cpu:  %user   %nice %system %iowait  %steal   %idle
          98.12    0.00    1.10    0.30    0.00    0.48
"""


def df(percent: int) -> str:
    return DF.format(used=22 * percent // 100, percent=percent)


def vmstat(percent: int) -> str:
    return VMSTAT.format(free=150 * (100 - percent), inact=0, active=150 * percent)


def written(text: str, machine: str = "i-0000", minutes: float = 0) -> LogLine:
    return LogLine(at=at(minutes), stream=f"{machine}_Exp1Task", text=text)


def test_a_full_disk_is_found_and_what_is_no_disk_is_not() -> None:
    assert full_streams([written(df(96))], 95) == {"i-0000_Exp1Task": "96 % of the disk /"}
    assert full_streams([written(df(94))], 95) == {}
    found = full_streams([written(DF_INODES.format(percent=100))], 95)
    assert found == {"i-0000_Exp1Task": "100 % of the room for files on /"}


def test_full_memory_is_found_where_it_stays_full() -> None:
    assert full_streams([written(vmstat(97))], 95) == {
        "i-0000_Exp1Task": "97 % of its memory in use"
    }
    for_a_moment = [written(vmstat(p), minutes=n / 2) for n, p in enumerate((60, 97, 60))]
    assert full_streams(for_a_moment, 95) == {}


def test_memory_that_was_long_not_touched_is_free() -> None:
    cached = VMSTAT.format(free=50, inact=9000, active=5950)
    assert full_streams([written(cached)], 95) == {}


@pytest.mark.parametrize("text", [df(97), vmstat(97)], ids=["disk", "memory"])
def test_text_that_is_shown_as_bytes_is_read_too(text: str) -> None:
    as_bytes = f"b'{text}'".replace("\n", "\\n")
    assert full_streams([written(as_bytes)], 95) == full_streams([written(text)], 95) != {}


def test_what_the_monitor_sums_up_is_read() -> None:
    lines = [
        written("INFO:__main__:Root disk usage 98%."),
        written("WARNING:__main__:WARNING: High disk usage."),
        written("INFO:__main__:Free memory 100. Inactive memory 300. Active memory 15600"),
    ]
    assert full_streams(lines, 95) == {
        "i-0000_Exp1Task": "98 % of the disk /, 98 % of its memory in use"
    }
    assert full_streams([written(f"INFO:__main__:{df(96)!r}")], 95) != {}
    low = "INFO:__main__:Free memory 100. Inactive memory 3000. Active memory 12600"
    assert full_streams([written("INFO:__main__:Root disk usage 12%."), written(low)], 95) == {}


def test_each_machine_is_told_by_its_stream() -> None:
    lines = [written(df(99), "i-0001"), written(vmstat(99), "i-0001"), written(df(98), "i-0002")]
    assert full_streams(lines, 95) == {
        "i-0001_Exp1Task": "99 % of the disk /, 99 % of its memory in use",
        "i-0002_Exp1Task": "98 % of the disk /",
    }
    assert full_streams([written(IOSTAT), written("cpu 97.0")], 95) == {}


def test_a_containers_stream_is_of_the_machine_that_it_names() -> None:
    stream = "Exp1/Exp1/0123abcd"
    said = [
        LogLine(at=at(0), stream="Exp1/Exp1/other", text="Instance ID i-0002"),
        LogLine(at=at(0), stream=stream, text="Instance ID i-0001"),
    ]
    assert machine_of("i-0003_Exp1Task", said) == "i-0003"
    assert machine_of(stream, said) == "i-0001"
    assert machine_of(stream) is None
    assert machine_of("Exp1/Exp1/new", said) is None


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """What a machine writes, cut short at both ends, with something else in it."""
    text = draw(st.sampled_from([df(99), vmstat(99), IOSTAT]))
    begin, middle, end = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 3)))
    return text[begin:middle] + draw(st.text(max_size=9)) + text[middle:end]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=50) | mangled())
def test_whatever_a_machine_writes_is_read(text: str) -> None:
    for what in full_streams([written(text)], 95).values():
        assert "%" in what


def test_the_pattern_asks_for_memory_and_for_full_disks_only() -> None:
    assert pattern(98) == '?inact ?"Active memory" ?"98%" ?"99%" ?"100%"'
    # Amazon CloudWatch Logs API Reference, FilterLogEvents: 1024 characters at most.
    assert len(pattern(50)) <= 1024


def test_full_streams_are_named_while_they_are_up() -> None:
    full = {f"i-{n:04x}": "98 % of the disk /" for n in range(5)}
    words = machine_full(scene([], full=full))
    assert isinstance(words, str)
    assert words.startswith("5 machines of Exp1, of 10 that are up, have no room left: i-0000 (98")
    assert "and 2 more" in words
    ended = roll(10, ended_at=at(60))
    assert machine_full(scene([], full=full, machines=ended)) is None
    unknown = machine_full(scene([], full={"Exp1/Exp1/0123": "98 % of the disk /"}))
    assert isinstance(unknown, str)
    assert "Exp1/Exp1/0123 (98 % of the disk /)" in unknown
    assert machine_full(scene([], full={})) is None
    assert machine_full(scene([], full=None)) is Known.NOT
