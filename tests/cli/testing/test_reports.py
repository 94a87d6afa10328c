"""The reports of a test, each read by a program that consumes its format, or by the rules that its publisher gives."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase
from prometheus_client.parser import text_string_to_metric_families
from tests.doubles.dns import DnsServer, resolving_by
from tests.doubles.scripted import ScriptedServer
from tests.doubles.smtp import SmtpServer
from tests.doubles.steps import Announce, Close, Part, Stall
from tests.servers.people import ALICE

if TYPE_CHECKING:
    from prometheus_client.samples import Sample
    from tests.cli.conftest import Mailctl, Result
    from tests.cli.testing.conftest import Add
    from tests.servers.certificates import CertificateAuthority

FORMATS = ("table", "json", "junit", "github", "nagios", "prometheus")
NASTY = b"554 no | \\ \" ' <b>&]]> %25 ::error:: \x0b\x1b[31m \xff\xef\xbf\xbe \xe5\xb1\xb1\r\n"
"""A refusal with all that formats, terminals and XML stumble over."""


@pytest.fixture
def refused(mailctl: Mailctl) -> Iterator[str]:
    """A server that turns everybody away at the door; its code."""
    with serving(mailctl, greeting=(NASTY, Close())) as code:
        yield code


@contextmanager
def serving(mailctl: Mailctl, code: str = "door", **points: Part) -> Iterator[str]:
    with ScriptedServer(SmtpServer(security="none", **points).script) as server:  # type: ignore[arg-type]  # no security
        mailctl.must(
            "server", "add", code, "--name", "Door", "--smtp-host", "127.0.0.1", "--smtp-port", str(server.port),
            "--smtp-security", "none", "--smtp-auth", "plain", "--incoming-protocol", "imap",
            "--incoming-host", "127.0.0.1", "--incoming-port", "1", "--incoming-security", "none",
        )  # fmt: skip
        yield code


def connect(mailctl: Mailctl, code: str, *options: str | Path) -> Result:
    return mailctl("test", "send", code, "--depth", "auth", "--username", "u", "--password-from", "env:PW", *options)


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "canary-4711")


class TestEveryFormat:
    @pytest.mark.parametrize("form", FORMATS)
    def test_a_file_holds_what_standard_output_does(
        self, mailctl: Mailctl, refused: str, tmp_path: Path, form: str
    ) -> None:
        written = connect(mailctl, refused, "--report", f"{form}={tmp_path / 'report'}", "-o", form)
        text = (tmp_path / "report").read_text()
        assert text
        if form != "table":  # which is shown while it happens
            assert text == written.out
        assert "canary" not in text

    def test_one_run_serves_all(self, mailctl: Mailctl, refused: str, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        reports = [option for form in FORMATS for option in ("--report", f"{form}={tmp_path / 'sub' / form}")]
        result = connect(mailctl, refused, *reports)
        assert result.code == 13
        assert "FAIL  greeting" in result.out
        assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == sorted(FORMATS)

    def test_others_may_read_it_as_far_as_the_umask_says(self, mailctl: Mailctl, refused: str, tmp_path: Path) -> None:
        for umask, mode in ((0o022, 0o644), (0o077, 0o600)):
            before = os.umask(umask)
            try:
                connect(mailctl, refused, "--report", f"prometheus={tmp_path / f'{mode}.prom'}")
            finally:
                os.umask(before)
            assert stat.S_IMODE((tmp_path / f"{mode}.prom").stat().st_mode) == mode

    def test_what_cannot_be_written_costs_neither_the_others_nor_the_exit_code(
        self, mailctl: Mailctl, refused: str, tmp_path: Path
    ) -> None:
        (tmp_path / "folder").mkdir()
        options = ["--report", f"json={tmp_path / 'folder'}", "--report", f"junit={tmp_path / 'good.xml'}"]
        failed = connect(mailctl, refused, *options)
        assert failed.code == 13
        assert f"the json report: cannot write {tmp_path / 'folder'}" in failed.err
        assert JUnitXml.fromfile(str(tmp_path / "good.xml"))
        with serving(mailctl, "fine") as code:
            passed = mailctl("test", "send", code, "--depth", "connect", *options, "-o", "json")
        assert passed.code == passed.error["exit_code"] == 1
        assert passed.error["code"] == "report-not-writable"
        assert passed.json["ok"] is True

    @pytest.mark.parametrize(
        ("given", "said"),
        [("junit", "not FORMAT=PATH"), ("xml=a", "not FORMAT=PATH"), ("json=-", "-o json"), ("json=", "names no file")],
    )
    def test_a_report_that_cannot_be_meant_is_refused_before_anything_is_tested(
        self, mailctl: Mailctl, given: str, said: str
    ) -> None:
        result = mailctl("test", "send", "nowhere", "--report", given)
        assert result.code == 2
        assert said in result.err

    @pytest.mark.parametrize("option", ["--report", "--trace"])
    def test_one_for_a_folder_that_is_not_there_is_refused_before_anything_is_tested(
        self, mailctl: Mailctl, tmp_path: Path, option: str
    ) -> None:
        file = tmp_path / "mistyped" / "report"
        refused = mailctl("test", "send", "nowhere", option, file if option == "--trace" else f"json={file}")
        assert refused.code == 2
        assert refused.err.startswith(f"error: {option}: there is no folder {file.parent}\n")
        assert not file.parent.exists()

    def test_two_reports_in_one_file_are_refused(self, mailctl: Mailctl, tmp_path: Path) -> None:
        file = tmp_path / "r"
        assert mailctl("test", "send", "x", "--report", f"json={file}", "--report", f"junit={file}").code == 2
        assert mailctl("test", "send", "x", "--report", f"json={file}", "--trace", file).code == 2

    @pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
    def test_it_is_written_when_the_test_is_interrupted(self, mailctl: Mailctl, tmp_path: Path) -> None:
        reached = threading.Event()
        with serving(mailctl, ehlo=(Announce(reached), Stall())) as code:
            program = [sys.executable, "-m", "mailctl", "--config", str(mailctl.config), "test", "send", code]
            program += ["--depth", "auth", "--username", "u", "--password-from", "env:PW", "-o", "nagios"]
            program += [option for form in FORMATS for option in ("--report", f"{form}={tmp_path / form}")]
            with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
                assert reached.wait(20)
                running.send_signal(signal.SIGTERM)
                out, _ = running.communicate(timeout=20)
        assert running.returncode == 3
        assert out.startswith("MAIL UNKNOWN - interrupted")
        assert json.loads((tmp_path / "json").read_text())["interrupted"] is True
        assert "interrupted" in (tmp_path / "junit").read_text()
        assert "interrupted" in (tmp_path / "github").read_text()
        assert 'mailctl_target_success{target="door",test="send"} 0' in (tmp_path / "prometheus").read_text()

    def test_warnings_end_in_16_where_they_are_to_fail(
        self, mailctl: Mailctl, add_incoming: Add, tmp_path: Path
    ) -> None:
        code = add_incoming("imap", "tls", "plain")
        options = ["--depth", "tls", "--min-cert-days", "1000000", "--report", f"junit={tmp_path / 'j'}"]
        assert mailctl("test", "receive", code, *options).code == 0
        assert cases(tmp_path / "j", Failure) == []
        assert mailctl("test", "receive", code, *options, "--fail-on", "warn").code == 16
        assert [case.name for case in cases(tmp_path / "j", Failure)] == ["certificate (imap)"]
        assert mailctl("test", "receive", code, *options, "-o", "nagios").code == 1


class TestJson:
    def test_reports_are_as_the_printed_schema_says(
        self, mailctl: Mailctl, refused: str, add_incoming: Add, tmp_path: Path
    ) -> None:
        schema = json.loads(mailctl.must("test", "schema").out)
        jsonschema.Draft202012Validator.check_schema(schema)
        code = add_incoming("imap", "tls", "plain")
        login = ("--username", ALICE.address, "--password-stdin")
        reports = [
            connect(mailctl, refused, "-o", "json").json,
            mailctl("test", "receive", code, *login, "-o", "json", stdin=ALICE.password.encode()).json,
            mailctl("test", "all", "-o", "json").json,
        ]
        for report in reports:
            jsonschema.validate(report, schema)
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(report | {"ok": "yes"}, schema)
        assert mailctl.must("test", "schema", "-o", "json").json["schema"] == schema

    def test_it_says_which_test_ran_and_when(self, mailctl: Mailctl, refused: str) -> None:
        report = connect(mailctl, refused, "-o", "json").json
        assert (report["schema_version"], report["test"]) == (1, "send")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", report["started_at"])


def cases(path: Path, kind: type[Any] | None) -> list[TestCase]:
    """Return the cases of a JUnit file with a result of that kind; None: without any."""
    found = [case for suite in JUnitXml.fromfile(str(path)) for case in suite]
    return [case for case in found if any(isinstance(result, kind) for result in case.result)] if kind else found


JENKINS_ATTRIBUTES: dict[str, set[str]] = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "time", "skipped", "timestamp"},
    "testcase": {"name", "time", "classname"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
    "system-out": set(),
}
"""What we use of the elements and attributes in the schema of Jenkins' xUnit plugin (junit-10.xsd)."""


class TestJunit:
    def test_a_suite_is_a_target_and_a_case_a_step(self, mailctl: Mailctl, refused: str, tmp_path: Path) -> None:
        file = tmp_path / "j.xml"
        connect(mailctl, refused, "--report", f"junit={file}")
        whole = JUnitXml.fromfile(str(file))
        suite = next(iter(whole))
        assert (suite.name, suite.tests, suite.failures, suite.errors) == (refused, 9, 1, 0)
        assert (whole.tests, whole.failures, whole.errors) == (9, 1, 0)
        assert [case.name for case in cases(file, Failure)] == ["greeting (smtp)"]
        skipped = {case.name: case.result[0].message for case in cases(file, Skipped)}
        assert skipped["tls (smtp)"] == "security is none"
        assert skipped["auth (smtp)"] == "not run, because greeting failed"
        assert all(case.classname == refused for case in cases(file, None))

    def test_what_could_not_be_tested_is_an_error_and_no_failure(
        self, mailctl: Mailctl, refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PW")
        connect(mailctl, refused, "--report", f"junit={tmp_path / 'j.xml'}")
        assert [case.name for case in cases(tmp_path / "j.xml", Error)] == ["secret (smtp)"]
        assert cases(tmp_path / "j.xml", Failure) == []

    def test_what_a_server_says_is_legal_xml_and_still_to_be_read(
        self, mailctl: Mailctl, refused: str, tmp_path: Path
    ) -> None:
        connect(mailctl, refused, "--report", f"junit={tmp_path / 'j.xml'}")
        failure = cases(tmp_path / "j.xml", Failure)[0].result[0]
        assert "no | \\ \" ' <b>&]]> %25 ::error:: \\x0b\\x1b[31m \\xff\\u{fffe} 山" in failure.text

    def test_it_has_nothing_that_jenkins_does_not_know(self, mailctl: Mailctl, refused: str, tmp_path: Path) -> None:
        connect(mailctl, refused, "--report", f"junit={tmp_path / 'j.xml'}")
        for element in ET.parse(tmp_path / "j.xml").iter():
            assert set(element.attrib) <= JENKINS_ATTRIBUTES[element.tag]


class TestGithub:
    COMMAND = re.compile(r"::(error|warning) title=([^:,\n]*)::(.*)")

    def test_one_annotation_for_a_target_that_fails(self, mailctl: Mailctl, refused: str) -> None:
        result = connect(mailctl, refused, "-o", "github")
        annotation, verdict = result.out.splitlines()
        found = self.COMMAND.fullmatch(annotation)
        assert found
        assert (found[1], found[2]) == ("error", "door%3A greeting (SMTP)")
        message = found[3].replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
        assert "server said: 554 no | \\ \" ' <b>&]]> %25 ::error:: " in message
        assert "\nwhat to do: " in message
        assert verdict.startswith("failed: 1 of 1 targets in ")
        assert result.code == 13

    def test_the_job_summary_gets_the_rest_behind_what_is_there(
        self, mailctl: Mailctl, refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        summary = tmp_path / "summary.md"
        summary.write_text("before\n")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
        with serving(mailctl, "fine") as code:
            mailctl("test", "send", code, "--depth", "connect", "-o", "github")
        connect(mailctl, refused, "--report", f"github={tmp_path / 'annotations'}")
        text = summary.read_text()
        assert text.startswith("before\n### mailctl test send: passed: 1 target")
        assert "| ✅ | fine |" in text
        assert "| ❌ | door |" in text
        assert "server said: 554 no |" in text.partition("```text\n")[2]

    def test_a_summary_that_cannot_be_written_is_said(
        self, mailctl: Mailctl, refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "summary.md"))
        result = connect(mailctl, refused, "-o", "github")
        assert "the job summary: cannot write" in result.err
        assert result.code == 13

    def test_without_that_format_the_summary_is_left_alone(
        self, mailctl: Mailctl, refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
        connect(mailctl, refused)
        assert not (tmp_path / "summary.md").exists()


def test_a_report_begins_with_what_it_is_of(mailctl: Mailctl, refused: str) -> None:
    named = list(connect(mailctl, refused, "-o", "json").json)
    assert named[:3] == ["schema_version", "test", "started_at"]
    assert named[-1] == "targets"


class TestNagios:
    # 'label'=value[UOM];[warn];[crit];[min];[max], as the plug-ins' guidelines have it.
    DATUM = re.compile(r"'((?:[^'=]|'')+)'=(-?[\d.]+)(s|%|B|c)?(?:;[\d.:~@-]*){0,4}")

    def data(self, line: str) -> dict[str, float]:
        text, _, data = line.rstrip("\n").partition(" | ")
        assert "|" not in text + data
        found = list(self.DATUM.finditer(data))
        assert " ".join(datum[0] for datum in found) == data
        return {datum[1]: float(datum[2]) for datum in found}

    def test_one_line_with_performance_data(self, mailctl: Mailctl, add_incoming: Add) -> None:
        code = add_incoming("imap", "tls", "plain")
        result = mailctl("test", "receive", code, "--depth", "tls", "-o", "nagios")
        assert result.code == 0
        assert re.match(r"MAIL OK - in: imap certificate \(in \d+\.\d s\) \| ", result.out)
        assert result.out.count("\n") == 1
        data = self.data(result.out)
        assert data["imap certificate days"] > 0
        assert {"time", "imap dns time", "imap tcp time", "imap tls time"} <= set(data)

    def test_a_refusal_is_critical_and_its_words_break_neither_line_nor_data(
        self, mailctl: Mailctl, refused: str
    ) -> None:
        result = connect(mailctl, refused, "-o", "nagios")
        assert result.code == 2
        assert result.out.startswith("MAIL CRITICAL - door: smtp greeting: ")
        assert result.out.count("\n") == 1
        self.data(result.out)

    def test_many_targets_are_counted_and_the_failing_ones_named(self, mailctl: Mailctl, refused: str) -> None:
        with serving(mailctl, "fine") as fine:
            result = mailctl("test", "all", "--timeout", "5", "-o", "nagios")
        assert result.code == 2
        assert " of 2 targets failed in " in result.out
        assert f"{refused} (smtp greeting: " in result.out
        assert self.data(result.out)["targets"] == 2
        assert f"{fine} time" in self.data(result.out)

    def test_what_is_cut_short_ends_in_an_ellipsis(self, mailctl: Mailctl, refused: str) -> None:
        host = f"{'long' * 15}.example"
        mailctl.add_server("far", "--smtp-host", host, "--incoming-host", host)
        with DnsServer({}) as dns, resolving_by(dns):
            out = mailctl("test", "all", "-o", "nagios").out
        named = re.search(r"far \((.+?)\) \|", out)
        assert named
        assert (len(named[1]), named[1][-1]) == (160, "…")
        assert refused in out

    def test_what_could_not_be_tested_is_unknown(
        self, mailctl: Mailctl, refused: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PW")
        result = connect(mailctl, refused, "-o", "nagios")
        assert (result.code, result.out[:15]) == (3, "MAIL UNKNOWN - ")

    @pytest.mark.parametrize(
        "arguments", [["send", "nowhere"], ["send", "--bogus"], ["receive", "door"], ["all", "--report", "x"]]
    )
    def test_a_call_that_cannot_be_tested_is_unknown_and_never_critical(
        self, mailctl: Mailctl, refused: str, arguments: list[str]
    ) -> None:
        result = mailctl("test", *arguments, "-o", "nagios")
        assert result.code == 3
        assert result.out.startswith("MAIL UNKNOWN - ")
        assert result.out.count("\n") == 1
        assert result.err == ""

    def test_several_problems_stand_apart_on_the_line(self, mailctl: Mailctl) -> None:
        mailctl.config.write_text("[[servers]]\ncode = 'a'\nsmtp = {}\n")
        out = mailctl("test", "all", "-o", "nagios").out
        assert "(3 problems): line 1, servers[0]." in out
        assert "; line 3, servers[0].smtp.host: is missing" in out

    def test_a_command_that_is_no_test_keeps_its_exit_codes(self, mailctl: Mailctl) -> None:
        result = mailctl("server", "list", "-o", "nagios")
        assert (result.code, result.out) == (2, "")

    def test_only_as_output_does_it_decide_the_exit_code(self, mailctl: Mailctl, refused: str, tmp_path: Path) -> None:
        assert connect(mailctl, refused, "--report", f"nagios={tmp_path / 'n'}").code == 13
        assert (tmp_path / "n").read_text().startswith("MAIL CRITICAL - ")


class TestPrometheus:
    def samples(self, text: str) -> dict[str, list[Sample]]:
        families = list(text_string_to_metric_families(text))
        assert len({family.name for family in families}) == len(families)
        assert all(family.documentation and family.type == "gauge" for family in families)
        series = [(sample.name, tuple(sample.labels.items())) for family in families for sample in family.samples]
        assert len(set(series)) == len(series)
        return {family.name: family.samples for family in families}

    def test_success_duration_and_expiry(self, mailctl: Mailctl, add_incoming: Add, ca: CertificateAuthority) -> None:
        code = add_incoming("imap", "tls", "plain")
        login = ("--username", ALICE.address, "--password-stdin")
        report = mailctl("test", "receive", code, *login, "-o", "json", stdin=ALICE.password.encode()).json
        result = mailctl("test", "receive", code, *login, "-o", "prometheus", stdin=ALICE.password.encode())
        found = self.samples(result.out)
        assert [sample.labels for sample in found["mailctl_target_success"]] == [{"target": code, "test": "receive"}]
        assert found["mailctl_target_success"][0].value == 1
        steps = {sample.labels["step"]: sample for sample in found["mailctl_step_success"]}
        assert steps["mailbox"].value == 1
        assert steps["mailbox"].labels["protocol"] == "imap"
        assert {sample.labels["step"] for sample in found["mailctl_step_duration_seconds"]} == set(steps)
        certificate = next(step for step in report["targets"][0]["steps"] if step["name"] == "certificate")
        days = found["mailctl_certificate_expiry_timestamp_seconds"][0].value - self.began(found)
        assert int(days // 86400) == certificate["evidence"]["days_left"]

    def began(self, found: dict[str, list[Sample]]) -> float:
        return float(found["mailctl_last_run_timestamp_seconds"][0].value)

    def test_a_failure_and_what_was_not_run(self, mailctl: Mailctl, refused: str) -> None:
        result = connect(mailctl, refused, "-o", "prometheus")
        assert result.code == 13
        found = self.samples(result.out)
        assert found["mailctl_target_success"][0].value == 0
        assert found["mailctl_target_exit_code"][0].value == 13
        steps = {sample.labels["step"]: sample.value for sample in found["mailctl_step_success"]}
        assert steps["greeting"] == 0
        assert "auth" not in steps

    def test_labels_with_all_that_has_to_be_escaped(self, mailctl: Mailctl) -> None:
        address = r'"quo\\ted \"x\""@例え.test'
        with serving(mailctl) as code:
            mailctl.must("account", "add", address, "--username", "u", "--password-from", "env:PW", "--server", code)
            text = mailctl("test", "all", "-o", "prometheus").out
        targets = {sample.labels["target"] for sample in self.samples(text)["mailctl_target_success"]}
        assert targets == {code, address}


def test_what_a_server_says_is_no_workflow_command_wherever_it_is_read(mailctl: Mailctl) -> None:
    greeting = b"554-go away\r\n554-::add-mask::e\r\n554 ##[stop-commands]here\r\n"
    with serving(mailctl, greeting=(greeting, Close())) as code:
        shown = connect(mailctl, code)
    said = shown.out + shown.err
    assert "add-mask::e" in said
    assert not re.search(r"^\s*::|##\[", said, re.MULTILINE)
