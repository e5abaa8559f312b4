"""`dcp-engine demo` over a socket, as a person runs it."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from click.testing import CliRunner

from dcp_engine.aws.session import plain_client
from dcp_engine.cli.root import cli
from tests.demo.running import running


def numbers(text: str, pattern: str) -> tuple[int, ...]:
    found = re.search(pattern, text)
    assert found, text
    return tuple(int(group.replace(",", "")) for group in found.groups())


def test_a_whole_run_ends_well(tmp_path: Path) -> None:
    with running("--jobs", "6", "--machines", "2", temporary=tmp_path / "t") as demo:
        assert demo.finish() == 0, demo.text
    assert numbers(demo.text, r"jobs +(\d+) submitted, (\d+) done, (\d+) dead letter ") == (6, 5, 1)
    started, replacing, crashed = numbers(
        demo.text, r"machines +(\d+) started, (\d+) of them to replace others; (\d+) crashed"
    )
    assert (started - replacing, crashed) == (2, 1)
    assert numbers(demo.text, r"(\d+) of (\d+) have ended") == (started, started)
    assert "0 lost a job to dcp-engine" in demo.text
    assert "are untouched" in demo.text
    assert re.search(r"\| \S+ EXPORTED +TEARDOWN → EXPORTED", demo.text)
    assert demo.lines[-1] == "Everything is as it should be."
    assert max(len(line) for line in demo.lines if str(tmp_path) not in line) <= 100
    assert list((tmp_path / "t").iterdir()) == []


def test_what_is_kept_can_be_looked_at_until_ctrl_c(tmp_path: Path) -> None:
    with running(
        "--jobs", "4", "--machines", "2", "--cheapest", "--keep", temporary=tmp_path / "t"
    ) as demo:
        demo.read_until("aws ec2")
        exports = dict(re.findall(r"export (\w+)=(\S+)", demo.text))
        (database,) = set(re.findall(r"dcp-engine status Exp1 --db (\S+)", demo.text))

        status = subprocess.run(
            [sys.executable, "-m", "dcp_engine", "status", "Exp1", "--json", "--db", database],
            env={**os.environ, **exports},
            capture_output=True,
            check=True,
        )
        told = json.loads(status.stdout)
        assert (told["state"], told["cheapest_acted"]) == ("EXPORTED", True)

        s3 = plain_client(
            "s3", endpoint_url=exports["AWS_ENDPOINT_URL"], region=exports["AWS_REGION"]
        )
        prefix = "exportedlogs/Exp1/"
        sizes = {
            each["Key"]: each["Size"]
            for each in s3.list_objects_v2(Bucket="exp1-bucket", Prefix=prefix)["Contents"]
            if re.search(r"/Exp1-job-\d+/000000\.gz$", each["Key"])
        }
        assert (len(sizes), sum(sizes.values())) == numbers(
            demo.text, rf"s3://exp1-bucket/{prefix}: (\d+) objects, ([\d,]+) bytes"
        )

        assert demo.interrupt() == 0, demo.text
    assert list((tmp_path / "t").iterdir()) == []
    with socket.socket() as door:
        assert door.connect_ex(("127.0.0.1", urlsplit(exports["AWS_ENDPOINT_URL"]).port)) != 0


def test_ctrl_c_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    with running(temporary=tmp_path / "t") as demo:
        demo.read_until("PENDING → RUNNING")
        (command,) = psutil.Process(demo.process.pid).children(recursive=True)
        assert demo.interrupt() == 130, demo.text
    assert not command.is_running()
    assert list((tmp_path / "t").iterdir()) == []
    assert demo.lines[-1].startswith("The demo was interrupted.")
    assert "Traceback" not in demo.text


def test_without_the_extra_it_says_what_to_install() -> None:
    # None in sys.modules makes an import fail as if the package were not there.
    program = (
        "import sys; sys.modules['moto'] = None; from dcp_engine.cli import main;"
        "sys.argv = ['dcp-engine', 'demo']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "pip install 'dcp-engine[demo]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_takes_no_database_or_profile_of_ones_own(tmp_path: Path) -> None:
    mine = tmp_path / "runs.db"
    result = CliRunner().invoke(cli, ["--db", str(mine), "--profile", "lab", "demo"])
    assert result.exit_code == 2
    assert "leave out --db, --profile" in result.stderr
    assert not mine.exists()
