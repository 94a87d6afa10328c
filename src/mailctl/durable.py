"""Files that survive: atomic, durable replacement, and a lock between processes.

A file is replaced in one step: the bytes go into a temporary file beside it, are synced, and the temporary file is
renamed over the old one. Whatever happens on the way (a crash, a full disk, a kill), the old bytes or the new ones
are there, whole. The rename is durable once the folder is synced too.

The lock is the kernel's (flock, or a byte range on Windows), so it ends with the process that holds it, however that
ends. It is taken here directly: the package for it that was measured costs 60 ms to import (asyncio), three times
what a whole write takes.

Every call to the operating system goes through `system`, an instance of `System`, where a test can put another one
that fails or dies at a chosen call. What differs between platforms is there too; the Windows and macOS branches have
been read against the documentation of those systems, but not run.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

from mailctl.errors import SettingsLockedError, SettingsWriteError

_POLL_SECONDS = 0.01
_LOCKED_BYTE = 1 << 30  # far behind the holder's process id, which stays readable: Windows locks bytes for readers too

_CAUSES = {
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the limit on file sizes is reached",
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "permission denied",
    errno.EPERM: "the system does not permit it (is the file immutable?)",
    errno.EIO: "the disk reports an input/output error",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.ENOTDIR: "a part of its path is not a folder",
    errno.EISDIR: "it is a folder",
}
_NO_FILE = "it is not a regular file"


class Durability(Enum):
    """Whether a replaced file outlasts a power failure: certainly, or only probably (its folder was not synced)."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"


class System:
    """The calls to the operating system, one method each."""

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        return os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0), mode)

    def write(self, descriptor: int, block: bytes | memoryview) -> int:
        return os.write(descriptor, block)

    def sync(self, descriptor: int) -> None:
        """Bring the file to the medium; on macOS only F_FULLFSYNC goes beyond the drive's cache (fcntl(2))."""
        if sys.platform == "darwin":
            import fcntl

            with suppress(OSError):  # not every file system there has it
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
                return
        os.fsync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Bring the folder's entries to the medium; Windows has no such call, there NTFS journals the rename."""
        if sys.platform == "win32":
            return
        descriptor = self.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)  # whatever the umask took away

    def keep_access(self, descriptor: int, path: Path, old: os.stat_result | None, mode: int) -> None:
        """Give a new file the mode, owner, group and access lists of the one at `path`, which it is to replace.

        Where there is none, it gets the mode, and its folder's owner if root writes into somebody's folder. An owner
        that cannot be kept is let go; a group that has rights is not: SettingsWriteError.
        """
        if sys.platform == "win32":
            return  # a file's access list comes from its folder there
        mode = stat.S_IMODE(old.st_mode) if old else mode
        if old or os.geteuid() == 0:
            wanted, made = old or path.parent.stat(), os.fstat(descriptor)
            if made.st_uid != wanted.st_uid:
                with suppress(PermissionError):
                    os.fchown(descriptor, wanted.st_uid, -1)
            if made.st_gid != wanted.st_gid:
                try:
                    os.fchown(descriptor, -1, wanted.st_gid)
                except PermissionError:
                    if mode & stat.S_IRWXG:
                        raise SettingsWriteError(f"cannot write {path}: its group could not be kept") from None
        os.fchmod(descriptor, mode)
        if old and sys.platform == "linux":
            with suppress(OSError):  # not every file system has them
                for name in os.listxattr(path):
                    with suppress(OSError):  # some are the kernel's own
                        os.setxattr(descriptor, name, os.getxattr(path, name))

    def try_lock(self, descriptor: int) -> bool:
        """Take the lock of an open file if it is free; it ends when the descriptor is closed."""
        try:
            if sys.platform == "win32":
                import msvcrt

                os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True

    def close_lock(self, descriptor: int, path: Path) -> None:
        """Release a lock and remove its file.

        It is removed while it is held, so that a waiter can see that what it opened is no longer there. Windows
        removes no open file: there it is removed afterwards, if nobody has it open.
        """
        if sys.platform != "win32":
            with suppress(OSError):
                path.unlink()
        os.close(descriptor)
        if sys.platform == "win32":
            with suppress(OSError):
                path.unlink()


system = System()


def cause_of(error: OSError) -> str:
    """Say in words why the operating system refused."""
    return _CAUSES.get(error.errno or 0) or (error.strerror or type(error).__name__).lower()


def resolve_target(path: Path) -> Path:
    """Return the file that a path means in the end: symbolic links followed, so that they stay when it is replaced.

    The file itself may be missing. Raises SettingsWriteError for a link that leads nowhere or in a circle, for what is
    no regular file, and for what somebody else has put into a folder where everybody may.
    """
    _require_own(path)
    try:
        target = Path(os.path.realpath(path, strict=True))
    except FileNotFoundError:
        if path.exists():  # /dev/stdout, where that is a pipe: it has no path of its own
            raise SettingsWriteError(f"cannot write {path}: {_NO_FILE}") from None
        if path.is_symlink():
            raise SettingsWriteError(
                f"cannot write {path}: it is a symbolic link to {path.readlink()}, which does not exist",
                hint="create that file, or remove the link",
            ) from None
        return Path(os.path.realpath(path))
    except OSError as error:
        raise _write_error(path, error) from error
    mode = target.stat().st_mode
    if not stat.S_ISREG(mode):
        cause = _CAUSES[errno.EISDIR] if stat.S_ISDIR(mode) else _NO_FILE
        raise SettingsWriteError(f"cannot write {path}: {cause}")
    return target


def _require_own(path: Path) -> None:
    """Raise SettingsWriteError for a file or link of another user in a folder such as /tmp (proc_sys_fs(5),
    protected_symlinks and protected_regular): it would say what is replaced, or who can read it afterwards.
    """
    try:
        found, folder = path.lstat(), path.parent.stat()
    except OSError:
        return  # what is wrong is named where it is used
    is_shared = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
    if is_shared and sys.platform != "win32" and found.st_uid not in (os.geteuid(), folder.st_uid):
        raise SettingsWriteError(
            f"cannot write {path}: somebody else has put it there, in a folder where everybody may",
            hint="name a file in a folder of your own",
        )


def replace_file(path: Path, new: bytes, *, mode: int = 0o600, check: Callable[[], None] | None = None) -> Durability:
    """Replace a file's bytes, or create it, in one step and durably; a symbolic link stays one.

    An existing file keeps its mode, owner and group; a new one gets `mode`, and missing folders are made, 0700, both
    whatever the umask. `check` is called when all is ready, right before the rename: what it raises stops the
    replacement. Whoever shares the file with others holds `lock_file`; temporary files that a killed process left are
    swept. Raises SettingsWriteError naming the path and the cause: then the old file is as it was, with nothing beside.
    """
    target = resolve_target(path)
    try:
        _make_folders(target.parent)
        _sweep(target)
        temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}.tmp")
        try:
            _write_file(temporary, target, new, mode)
            if check:
                check()
            system.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _write_error(path, error) from error
    try:
        system.sync_folder(target.parent)
    except OSError:
        return Durability.UNCONFIRMED
    return Durability.CONFIRMED


@contextmanager
def lock_file(path: Path, *, timeout_seconds: float = 10.0) -> Iterator[None]:
    """Hold the inter-process lock of a file: `NAME.lock` beside it, symbolic links of the file followed.

    Raises SettingsLockedError, naming the process that holds it, when it is not free in time, and SettingsWriteError
    where there can be no lock.
    """
    target = resolve_target(path)
    lock = target.with_name(target.name + ".lock")
    deadline = time.monotonic() + timeout_seconds
    try:
        _make_folders(lock.parent)
        while (descriptor := _take_lock(lock)) is None:
            if time.monotonic() >= deadline:
                raise _locked_error(path, lock)
            time.sleep(_POLL_SECONDS)
    except OSError as error:
        raise _write_error(lock, error) from error
    try:
        yield
    finally:
        system.close_lock(descriptor, lock)


def _make_folders(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folders(folder.parent)
    with suppress(FileExistsError):
        system.make_folder(folder)
    with suppress(OSError):
        system.sync_folder(folder.parent)


def _sweep(target: Path) -> None:
    stale = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{16}}\.tmp")
    for entry in os.listdir(target.parent):  # noqa: PTH208 (names are all that is needed)
        if stale.fullmatch(entry):
            target.with_name(entry).unlink(missing_ok=True)


def _write_file(temporary: Path, target: Path, new: bytes, mode: int) -> None:
    descriptor = system.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        rest = memoryview(new)
        while rest:
            rest = rest[system.write(descriptor, rest) :]
        system.keep_access(descriptor, target, target.stat() if target.exists() else None, mode)
        system.sync(descriptor)
    finally:
        os.close(descriptor)


def _take_lock(lock: Path) -> int | None:
    descriptor = system.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0))
    try:
        if system.try_lock(descriptor) and _is_at(descriptor, lock):
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.ftruncate(descriptor, 0)
            system.write(descriptor, str(os.getpid()).encode())
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file is still the one at its path: its last holder removed it before letting it go."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _locked_error(path: Path, lock: Path) -> SettingsLockedError:
    try:
        holder = lock.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        holder = ""
    who = f"process {holder}" if holder.isdigit() else "another process"
    return SettingsLockedError(
        f"{path} is locked by {who}",
        hint="wait until that process is done, or end it if it hangs",
        details={"path": str(path), "process": int(holder) if holder.isdigit() else None},
    )


def _write_error(path: Path, error: OSError) -> SettingsWriteError:
    return SettingsWriteError(f"cannot write {path}: {cause_of(error)}", details={"path": str(path)})
