"""Replacing files where the disk, the rights or the links stand against it; and the lock."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailctl import durable
from mailctl.durable import Durability, System, lock_file, replace_file
from mailctl.errors import SettingsLockedError, SettingsWriteError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and limits of POSIX")
as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="only root mounts, changes owners and sets attributes"
)


class Failing(System):
    """A system whose calls fail: method name → errno."""

    def __init__(self, **failures: int) -> None:
        self._failures = failures

    def _check(self, call: str) -> None:
        if call in self._failures:
            raise OSError(self._failures[call], os.strerror(self._failures[call]))

    def write(self, descriptor, block):
        self._check("write")
        return super().write(descriptor, block[: max(len(block) // 2, 1)])  # never all at once

    def sync(self, descriptor):
        self._check("sync")
        super().sync(descriptor)

    def sync_folder(self, folder):
        self._check("sync_folder")
        super().sync_folder(folder)

    def replace(self, source, target):
        self._check("replace")
        super().replace(source, target)


@pytest.fixture
def system(monkeypatch):
    def system(**failures: int) -> None:
        monkeypatch.setattr(durable, "system", Failing(**failures))

    return system


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "mailctl.toml"
    path.write_bytes(b"old")
    path.chmod(0o600)
    return path


def require_untouched(old):
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize(
    ("call", "code", "cause"),
    [
        ("write", errno.ENOSPC, "the disk is full"),
        ("write", errno.EDQUOT, "the disk quota is used up"),
        ("sync", errno.EIO, "input/output error"),
        ("replace", errno.EROFS, "the file system is read-only"),
    ],
)
def test_a_failure_before_the_rename_leaves_the_old_bytes_and_nothing_beside(system, old, call, code, cause):
    system(**{call: code})
    with pytest.raises(SettingsWriteError, match=cause) as caught:
        replace_file(old, b"new")
    assert str(old) in caught.value.message
    require_untouched(old)


def test_bytes_that_are_taken_in_parts_arrive_whole(system, old):
    system()
    assert replace_file(old, b"new" * 1000) is Durability.CONFIRMED
    assert old.read_bytes() == b"new" * 1000


def test_a_folder_that_is_not_synced_is_told(system, old):
    system(sync_folder=errno.EIO)
    assert replace_file(old, b"new") is Durability.UNCONFIRMED
    assert old.read_bytes() == b"new"


def test_what_the_check_raises_stops_the_replacement(old):
    def refuse() -> None:
        raise RuntimeError("changed")

    with pytest.raises(RuntimeError, match="changed"):
        replace_file(old, b"new", check=refuse)
    require_untouched(old)


def test_a_limit_on_file_sizes_leaves_the_old_bytes(old):
    script = f"""
import pathlib, resource
from mailctl.durable import replace_file
from mailctl.errors import SettingsWriteError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    replace_file(pathlib.Path({str(old)!r}), b"x" * 2000)
except SettingsWriteError as error:
    print(error.message)
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "the limit on file sizes is reached" in answer.stdout
    require_untouched(old)


@as_root
@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
def test_a_full_and_a_read_only_file_system_leave_the_old_bytes(tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=False)
    if mounted.returncode:
        pytest.skip("this root may not mount")
    try:
        old = tmp_path / "mailctl.toml"
        old.write_bytes(b"old")
        with pytest.raises(SettingsWriteError, match="the disk is full"):
            replace_file(old, b"x" * 100_000)
        require_untouched(old)
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        with pytest.raises(SettingsWriteError, match="the file system is read-only"):
            replace_file(old, b"new")
        with pytest.raises(SettingsWriteError, match="the file system is read-only"), lock_file(old):
            pass
        require_untouched(old)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@as_root
@pytest.mark.skipif(sys.platform != "linux", reason="chattr is Linux's")
def test_an_immutable_file_is_named_as_such(old):
    if subprocess.run(["chattr", "+i", str(old)], check=False, capture_output=True).returncode:
        pytest.skip("this file system has no attributes")
    try:
        with pytest.raises(SettingsWriteError, match="immutable"):
            replace_file(old, b"new")
        require_untouched(old)
    finally:
        subprocess.run(["chattr", "-i", str(old)], check=True)


def test_a_folder_without_rights_is_a_clear_error(old):
    script = f"""
import os, pathlib
from mailctl.durable import replace_file
from mailctl.errors import SettingsWriteError
if os.geteuid() == 0:
    os.setuid(65534)
try:
    replace_file(pathlib.Path({str(old)!r}), b"new")
except SettingsWriteError as error:
    print(error.message)
"""
    outer = old.parent.parent
    modes = {folder: folder.stat().st_mode for folder in (old.parent, outer, outer.parent)}
    try:
        for folder in modes:
            folder.chmod(0o755)
        old.parent.chmod(0o555)
        answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    finally:
        for folder, mode in modes.items():
            folder.chmod(mode)
    assert answer.stdout.strip() == f"cannot write {old}: permission denied"
    require_untouched(old)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_new_files_and_folders_are_the_owner_s_alone_whatever_the_umask(tmp_path, umask):
    path = tmp_path / "a" / "b" / "new.toml"
    before = os.umask(umask)
    try:
        with lock_file(path):
            replace_file(path, b"new")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert [folder.stat().st_mode & 0o7777 for folder in (path.parent, path.parent.parent)] == [0o700, 0o700]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o400])
def test_an_existing_file_keeps_its_mode(old, mode):
    old.chmod(mode)
    replace_file(old, b"new")
    assert old.stat().st_mode & 0o7777 == mode


@as_root
def test_root_keeps_the_owner_of_a_file_and_gives_a_new_one_to_the_folder_s(old):
    os.chown(old.parent, 65534, 65534)
    os.chown(old, 65534, 12)
    replace_file(old, b"new")
    replace_file(old.with_name("other"), b"new")
    assert (old.stat().st_uid, old.stat().st_gid) == (65534, 12)
    assert (old.with_name("other").stat().st_uid, old.with_name("other").stat().st_gid) == (65534, 65534)


@pytest.mark.parametrize("absolute", [True, False])
def test_a_symbolic_link_stays_one(tmp_path, old, absolute):
    target = old.rename(tmp_path / "real.toml")
    (tmp_path / "sub").mkdir()
    chained = tmp_path / "sub" / "chained.toml"
    chained.symlink_to(target if absolute else "../real.toml")
    old.symlink_to(chained if absolute else "sub/chained.toml")
    with lock_file(old):
        assert (tmp_path / "real.toml.lock").exists()
        replace_file(old, b"new")
    assert old.is_symlink()
    assert chained.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_dangling_or_looping_link_is_an_error(tmp_path):
    dangling, looping = tmp_path / "dangling", tmp_path / "looping"
    dangling.symlink_to("nowhere")
    looping.symlink_to("looping")
    with pytest.raises(SettingsWriteError, match="nowhere, which does not exist"):
        replace_file(dangling, b"new")
    with pytest.raises(SettingsWriteError, match="circle"):
        replace_file(looping, b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "looping"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs the names of open files")
def test_standard_output_that_is_a_pipe_is_no_regular_file():
    program = "import pathlib; from mailctl.durable import replace_file; replace_file(pathlib.Path('/dev/stdout'), b'')"
    failed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "cannot write /dev/stdout: it is not a regular file" in failed.stderr


def test_only_regular_files_are_replaced(tmp_path):
    with pytest.raises(SettingsWriteError, match="it is a folder"):
        replace_file(tmp_path, b"new")
    with pytest.raises(SettingsWriteError, match="not a regular file"):
        replace_file(Path(os.devnull), b"new")


def test_temporary_files_of_killed_processes_are_swept_and_no_others(old):
    stale = old.with_name(".mailctl.toml.0123456789abcdef.tmp")
    others = [
        old.with_name(".mailctl.toml.swp"),
        old.with_name(".mailctl.toml.backup.tmp"),
        old.with_name(".other.tmp"),
    ]
    for path in (stale, *others):
        path.touch()
    replace_file(old, b"new")
    assert not stale.exists()
    assert all(path.exists() for path in others)


HOLDER = """
import pathlib, sys
from mailctl.durable import lock_file
with lock_file(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(old):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(old)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_waiter_that_gives_up_names_the_living_holder(old, holder):
    with (
        pytest.raises(SettingsLockedError, match=f"process {holder.pid}") as caught,
        lock_file(old, timeout_seconds=0.1),
    ):
        pass
    assert caught.value.details["process"] == holder.pid


def test_the_lock_of_a_killed_holder_is_free(old, holder):
    holder.kill()
    holder.wait()
    with lock_file(old, timeout_seconds=0):
        pass


def test_a_waiter_goes_on_once_the_holder_is_done(old, holder):
    holder.stdin.close()
    with lock_file(old, timeout_seconds=30):
        pass


def test_a_lock_that_is_let_go_leaves_nothing_beside(old):
    with lock_file(old):
        assert [path.name for path in sorted(old.parent.iterdir())] == ["mailctl.toml", "mailctl.toml.lock"]
    assert list(old.parent.iterdir()) == [old]


def test_a_lock_is_let_go_when_what_is_done_under_it_fails(old):
    with pytest.raises(RuntimeError), lock_file(old):
        raise RuntimeError
    with lock_file(old, timeout_seconds=0):
        pass


@as_root
@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_somebody_else_has_put_where_everybody_may_is_not_followed_nor_replaced(tmp_path, kind):
    shared, own = tmp_path / "shared", tmp_path / "own.toml"
    shared.mkdir()
    shared.chmod(0o1777)
    own.write_text("old")
    planted = shared / "report.xml"
    if kind == "link":
        planted.symlink_to(own)
    else:
        planted.write_text("old")
    os.chown(planted, 1, 1, follow_symlinks=False)
    with pytest.raises(SettingsWriteError, match="somebody else has put it there"):
        replace_file(planted, b"new")
    assert planted.read_text() == own.read_text() == "old"
