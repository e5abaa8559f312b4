"""`dcp-engine doctor`: its lines, its JSON, its exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from click.testing import Result

from dcp_engine.app import App
from dcp_engine.cli.root import PROGRAM, cli
from dcp_engine.doctor.finding import Finding, advice, fine, unknown, wrong
from dcp_engine.model import Run
from tests.unit.cli.conftest import Knocks
from tests.unit.cli.test_bad_input import GOOD
from tests.unit.distributions import install
from tests.unit.runs import run

Invoke = Callable[..., Result]
Found = Callable[..., list[object]]

GOOD_LINE = fine("region", "us-east-1.")
BAD_LINE = wrong(
    "bucket-policy",
    "The policy of exp-bucket does not let CloudWatch Logs write there for any account, so the "
    "logs could not be brought to it.",
    "Add these statements to it:",
    copy='[\n  {\n    "Effect": "Allow"\n  }\n]',
)
MAYBE = unknown("queue", "The queue could not be looked at.", "Look again in a few minutes.")
NEVER = unknown("permissions", "IAM was not to be asked.", lasting=True)
HINT = advice("watched", "Nobody watches it.", "Type:", copy="dcp-engine monitor FILE")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Found:
    """Make an examination find these; returns what it is asked about."""

    def put(*findings: Finding) -> list[object]:
        subjects: list[object] = []

        def examine(_: App, subject: object = None) -> list[Finding]:
            subjects.append(subject)
            return list(findings)

        monkeypatch.setattr(App, "examine", examine)
        return subjects

    return put


def test_each_finding_is_a_line_with_what_to_do_beneath(invoke: Invoke, found: Found) -> None:
    found(GOOD_LINE, BAD_LINE, HINT, MAYBE)
    result = invoke("doctor", "Exp1")
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "ok  region              us-east-1.",
        "!!  bucket-policy       "
        "The policy of exp-bucket does not let CloudWatch Logs write there for any account, so the "
        "logs could not be brought to it.",
        "                     -> Add these statements to it:",
        "    [",
        "      {",
        '        "Effect": "Allow"',
        "      }",
        "    ]",
        ">>  watched             Nobody watches it.",
        "                     -> Type:",
        "                        dcp-engine monitor FILE",
        "??  queue               The queue could not be looked at.",
        "                     -> Look again in a few minutes.",
        "",
        "4 things were looked at: 1 needs you (bucket-policy); 1 is not known (queue); 1 is advice "
        "(watched).",
    ]


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([GOOD_LINE], 0),
        ([GOOD_LINE, HINT], 0),
        ([GOOD_LINE, NEVER], 0),
        ([GOOD_LINE, MAYBE, HINT], 3),
        ([MAYBE, BAD_LINE], 4),
        ([NEVER, BAD_LINE], 4),
    ],
)
def test_exit_codes(invoke: Invoke, found: Found, findings: list[Finding], code: int) -> None:
    found(*findings)
    assert invoke("doctor").exit_code == code
    result = invoke("doctor", "--json")
    assert result.exit_code == code
    document = json.loads(result.stdout)
    assert document["exit_code"] == code
    assert [one["name"] for one in document["findings"]] == [one.name for one in findings]


def test_json_has_everything(invoke: Invoke, found: Found) -> None:
    found(BAD_LINE)
    (one,) = json.loads(invoke("doctor", "--json").stdout)["findings"]
    assert one == {
        "name": "bucket-policy",
        "verdict": "wrong",
        "text": BAD_LINE.text,
        "what_to_do": "Add these statements to it:",
        "copy": BAD_LINE.copy,
        "lasting": False,
    }


def test_all_fine(invoke: Invoke, found: Found) -> None:
    found(GOOD_LINE)
    assert invoke("doctor").stdout.splitlines()[-1] == "1 thing was looked at: all fine."


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ([], None),
        (["Exp1"], "Exp1"),
        (["Exp1-0123abcd"], "Exp1-0123abcd"),
        (["files/Exp1SpotFleetRequestId.json"], Path("files/Exp1SpotFleetRequestId.json")),
        (["./Exp1"], Path("Exp1")),
    ],
)
def test_what_is_examined(invoke: Invoke, found: Found, given: list[str], subject: object) -> None:
    subjects = found()
    invoke("doctor", *given)
    assert subjects == [subject]


def test_what_aws_says_is_no_command_to_the_terminal(invoke: Invoke, found: Found) -> None:
    found(wrong("fleet", "AWS says: \x1b[2Jgone.", "Do\x07.", copy="\x1b]0;x"))
    result = invoke("doctor")
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout


def test_bad_usage(invoke: Invoke, add: Callable[..., Run], aws: Knocks, tmp_path: Path) -> None:
    add(run())
    for argument, word in (
        ("Exp9", "There is no run named Exp9"),
        (str(tmp_path / "none.json"), "There is no file"),
    ):
        result = invoke("doctor", argument)
        assert result.exit_code == 2
        assert word in result.stderr
        assert result.stdout == ""
    assert invoke("doctor", "Exp1", "Exp2").exit_code == 2
    assert aws.count == 0


def test_a_name_in_a_database_that_cannot_be_read(invoke: Invoke, database: Path) -> None:
    database.parent.mkdir()
    database.write_bytes(b"no database" * 1000)
    result = invoke("doctor", "Exp1")
    assert result.exit_code == 4
    assert "is damaged or is no database" in result.stderr


def test_without_credentials_it_is_one_line(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aws: Knocks, database: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    file = tmp_path / "Exp1SpotFleetRequestId.json"
    file.write_text(json.dumps(GOOD))
    result = invoke("doctor", str(file))
    assert result.exit_code == 4
    assert [line[:22].split() for line in result.stdout.splitlines() if line[:2].strip()][:-1] == [
        ["!!", "credentials"],
        ["ok", "database"],
        ["ok", "plugins"],
    ]
    assert "3 things were looked at: 1 needs you (credentials)." in result.stdout
    assert "aws configure" in result.stdout
    assert aws.count == 0
    assert not database.parent.exists()


def test_plugins_are_asked_what_they_lack(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    lacks = "from dcp_engine.hookspecs import hookimpl\n\n@hookimpl\ndef ready():\n"
    install(site, "alerts", f"{lacks}    print('noise')\n    yield 'there is no room'\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = invoke("doctor", "--json")
    found = {one["name"]: one for one in json.loads(result.stdout)["findings"]}
    assert found["plugins"]["verdict"] == "wrong"
    assert found["plugins"]["text"] == "alerts: there is no room."
    assert "dcp-engine plugins check" in found["plugins"]["what_to_do"]


def test_the_shell_completes_names(add: Callable[..., Run]) -> None:
    add(run())
    shell = BashComplete(cli, {}, PROGRAM, "_DCP_ENGINE_COMPLETE")
    assert [item.value for item in shell.get_completions(["doctor"], "E")] == ["Exp1"]
