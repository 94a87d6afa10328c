"""What is kept of tests: the last result of each kind for each target that there still is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailctl.exits import Exit
from mailctl.model.report import Report, TargetReport
from mailctl.store.last_tests import read_results, remember_results


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "mailctl.toml"


def report(*targets: str, code: int = 0) -> Report:
    reports = [TargetReport(target=target, ok=not code, exit_code=code, duration_ms=1, steps=[]) for target in targets]
    return Report(ok=not code, targets=reports, test="send", started_at="2026-01-01T00:00:00+00:00")


def kept(settings: Path) -> dict[str, int]:
    return {result.target: result.exit_code for result in read_results(settings)}


def test_a_result_takes_the_place_of_the_one_before(settings: Path) -> None:
    remember_results(report("a", "b", code=Exit.NETWORK), settings, lambda _: True)
    remember_results(report("a"), settings, lambda _: True)
    assert kept(settings) == {"b": Exit.NETWORK, "a": 0}


def test_what_an_interrupted_test_found_takes_no_place(settings: Path) -> None:
    remember_results(report("a", code=Exit.TLS), settings, lambda _: True)
    remember_results(report("a", code=Exit.INTERRUPTED), settings, lambda _: True)
    assert kept(settings) == {"a": Exit.TLS}


def test_targets_that_are_gone_are_forgotten(settings: Path) -> None:
    remember_results(report("a", "b"), settings, lambda _: True)
    remember_results(report("c"), settings, lambda name: name != "a")
    assert list(kept(settings)) == ["b", "c"]
