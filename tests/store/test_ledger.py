"""Ledgers: nothing that was acknowledged is lost, whatever a process is doing when it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from mailctl.errors import LedgerInvalidError, SettingsLockedError
from mailctl.store.ledger import delete_ledgers, open_ledger, read_ledger


class Act(msgspec.Struct):
    number: int


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return tmp_path / "mailctl.toml"


def numbers(settings: Path, address: str = "a@x.test") -> list[int]:
    return [act.number for act in read_ledger(settings, address, "acts", Act)]


def fill(settings: Path, *kept: int, address: str = "a@x.test") -> None:
    with open_ledger(settings, address, "acts", Act) as ledger:
        ledger.append(*map(Act, kept))


def file_of(settings: Path) -> Path:
    return settings.with_suffix(".ledgers") / "a@x.test/acts.jsonl"


def test_records_are_added_and_read_again(settings: Path) -> None:
    assert numbers(settings) == []
    fill(settings, 1, 2)
    fill(settings, 3)
    assert numbers(settings) == [1, 2, 3]
    assert file_of(settings).stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_cut_off_is_dropped_and_the_next_one_stands_alone(settings: Path) -> None:
    fill(settings, 1)
    with file_of(settings).open("ab") as file:
        file.write(b'{"numb')
    assert numbers(settings) == [1]
    fill(settings, 2)
    assert numbers(settings) == [1, 2]
    assert file_of(settings).read_bytes() == b'{"number":1}\n{"number":2}\n'


def test_a_strange_line_is_named_and_nothing_is_guessed(settings: Path) -> None:
    fill(settings, 1)
    with file_of(settings).open("ab") as file:
        file.write(b"what?\n")
    with pytest.raises(LedgerInvalidError, match="line 2"), open_ledger(settings, "a@x.test", "acts", Act):
        pass


def test_two_processes_do_not_write_at_once(settings: Path) -> None:
    with open_ledger(settings, "a@x.test", "acts", Act), pytest.raises(SettingsLockedError):
        fill(settings, 1)


def test_records_can_be_thinned_out_and_added_to_afterwards(settings: Path) -> None:
    fill(settings, 1, 2, 3)
    with open_ledger(settings, "a@x.test", "acts", Act) as ledger:
        ledger.rewrite(act for act in ledger.records if act.number > 1)
        ledger.append(Act(4))
    assert numbers(settings) == [2, 3, 4]


def test_ledgers_of_any_owner_stay_in_their_folder_and_go_with_it(settings: Path) -> None:
    owner = "../../山田太郎@株式.会社"
    fill(settings, 1, address=owner)
    assert numbers(settings, owner) == [1]
    assert [path.parent for path in settings.with_suffix(".ledgers").iterdir()] == [settings.with_suffix(".ledgers")]
    delete_ledgers(settings, owner)
    assert numbers(settings, owner) == []


KILLED = """
import itertools, sys
from pathlib import Path
import msgspec
from mailctl.store.ledger import open_ledger

class Act(msgspec.Struct):
    number: int

with open_ledger(Path(sys.argv[1]), "a@x.test", "acts", Act) as ledger:
    for number in itertools.count(len(ledger.records)):
        ledger.append(Act(number))
        print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_what_was_acknowledged_outlasts_a_kill(settings: Path) -> None:
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", KILLED, settings], stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout
            told = [int(running.stdout.readline()) for _ in range(20)]
            running.kill()
            told += map(int, running.stdout.read().split())
        assert numbers(settings)[: told[-1] + 1] == list(range(told[-1] + 1))
