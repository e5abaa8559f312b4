"""What a plugin prints goes to the log, and the streams are as they were afterwards."""

import io
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcp_engine.overheard import Overhearing

PATIENCE = 30


Streams = tuple[io.StringIO, io.StringIO]
Replace = Callable[[], Streams]


@pytest.fixture
def replace(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Called in the test itself: pytest puts streams of its own there when the test begins."""

    def replaced() -> Streams:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        return out, err

    return replaced


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "dcp_engine.plugin"):
        yield caplog


def lines(log: pytest.LogCaptureFixture, speaker: str = "chat") -> list[str]:
    name = f"dcp_engine.plugin.{speaker}"
    return [record.getMessage() for record in log.records if record.name == name]


def test_lines_go_to_the_log_by_name(replace: Replace, log: pytest.LogCaptureFixture) -> None:
    streams = replace()
    with Overhearing().of("chat"):
        print("one")
        print("two", file=sys.stderr)
        print("\n \nthree\nfour")
    assert lines(log) == ["one", "two", "three", "four"]
    assert [stream.getvalue() for stream in streams] == ["", ""]
    assert (sys.stdout, sys.stderr) == streams


def test_a_line_that_is_not_ended_is_told_whole_in_the_end(
    replace: Replace, log: pytest.LogCaptureFixture
) -> None:
    streams = replace()
    with Overhearing().of("chat"):
        print("begun", end="")
        sys.stdout.write(" and")
        assert lines(log) == []
        sys.stdout.writelines([" ended", "\n", "rest"])
        assert lines(log) == ["begun and ended"]
        sys.stderr.write("%s %d")
    assert lines(log) == ["begun and ended", "rest", "%s %d"]
    assert streams[0].getvalue() == ""


def test_bytes_are_text_too(
    capfdbinary: pytest.CaptureFixture[bytes], log: pytest.LogCaptureFixture
) -> None:
    with Overhearing().of("chat"):
        sys.stdout.buffer.write(b"gr\xc3\xbcn \xff\n")
        sys.stdout.buffer.flush()
    assert lines(log) == ["grün \\xff"]
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b""


def test_a_program_that_it_starts_is_not_handed_our_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "output").open("w") as real:
        monkeypatch.setattr(sys, "stdout", real)
        with Overhearing().of("chat"), pytest.raises(io.UnsupportedOperation):
            subprocess.run([sys.executable, "-c", "print(1)"], stdout=sys.stdout, check=False)
        assert sys.stdout.fileno() == real.fileno()
    assert (tmp_path / "output").read_text() == ""


def test_what_is_raised_passes_and_the_streams_are_restored(replace: Replace) -> None:
    streams = replace()
    with pytest.raises(SystemExit), Overhearing().of("chat"):
        raise SystemExit(3)
    assert (sys.stdout, sys.stderr) == streams


def test_it_can_close_nothing_of_ours(replace: Replace) -> None:
    streams = replace()
    with Overhearing().of("chat"):
        sys.stdout.close()
        sys.stderr.close()
        assert not sys.stdout.isatty()
    print("still here")
    assert streams[0].getvalue() == "still here\n"


def test_what_it_must_not_show_is_taken_out(log: pytest.LogCaptureFixture) -> None:
    overhearing = Overhearing(lambda line: line.replace("xoxb", "(hidden)"))
    with overhearing.of("chat"):
        print("token=xoxb")
        print("again xoxb", end="")
    assert lines(log) == ["token=(hidden)", "again (hidden)"]


def test_the_log_may_be_written_to_the_very_stream(
    replace: Replace, log: pytest.LogCaptureFixture
) -> None:
    streams = replace()
    handler = logging.StreamHandler(sys.stderr)
    logger = logging.getLogger("dcp_engine.plugin")
    logger.addHandler(handler)
    try:
        with Overhearing().of("chat"):
            handler.setStream(sys.stderr)
            print("said", file=sys.stderr)
    finally:
        logger.removeHandler(handler)
    assert lines(log) == ["said"]
    assert streams[1].getvalue() == "said\n"


def test_two_at_a_time_are_told_apart_and_nobody_else_is_heard(
    replace: Replace, log: pytest.LogCaptureFixture
) -> None:
    streams = replace()
    overhearing = Overhearing()
    both = threading.Barrier(3)

    def speak(name: str) -> None:
        with overhearing.of(name):
            print(f"begun by {name}", end="")
            both.wait(PATIENCE)
            print(" and ended")
            both.wait(PATIENCE)

    threads = [threading.Thread(target=speak, args=[name]) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    both.wait(PATIENCE)
    print("a result")
    sys.stdout.flush()
    both.wait(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
    assert streams[0].getvalue() == "a result\n"
    assert lines(log, "one") == ["begun by one and ended"]
    assert lines(log, "two") == ["begun by two and ended"]
    assert (sys.stdout, sys.stderr) == streams


def test_one_that_hangs_keeps_nobody_from_his_streams(
    replace: Replace, log: pytest.LogCaptureFixture
) -> None:
    streams = replace()
    overhearing = Overhearing()
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        with overhearing.of("slow"):
            hangs.set()
            goes_on.wait(PATIENCE)
            print("at last")

    thread = threading.Thread(target=hang)
    thread.start()
    assert hangs.wait(PATIENCE)
    with overhearing.of("quick"):
        print("quick")
    print("a result")
    assert sys.stdout.encoding == streams[0].encoding
    # Somebody else puts a stream of his own there meanwhile, and it is listened to as well.
    theirs = io.StringIO()
    sys.stdout = theirs
    with overhearing.of("quick"):
        print("again")
    assert theirs.getvalue() == ""
    goes_on.set()
    thread.join(PATIENCE)
    assert sys.stdout is theirs
    assert sys.stderr is streams[1]
    assert streams[0].getvalue() == "a result\n"
    assert lines(log, "quick") == ["quick", "again"]
    assert lines(log, "slow") == ["at last"]


def test_a_process_without_streams_stays_without(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with Overhearing().of("chat"):
        print("into nothing")
    assert sys.stdout is None
    assert sys.stderr is None
    assert lines(log) == []


def test_what_a_plugin_put_before_ours_goes_on_to_the_stream(replace: Replace) -> None:
    streams = replace()

    class Wrapped(io.StringIO):
        def __init__(self, under: object) -> None:
            super().__init__()
            self.under = under

        def write(self, text: str) -> int:
            return int(self.under.write(text.upper()))  # type: ignore[attr-defined]

    with Overhearing().of("colours"):
        sys.stdout = Wrapped(sys.stdout)
    print("loud")
    assert streams[0].getvalue() == "LOUD\n"
