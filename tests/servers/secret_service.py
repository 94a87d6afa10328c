"""A real Secret Service: gnome-keyring on a D-Bus session of its own, with a home of its own.

Programs that should use it run with `SecretService.environment`; `environment_without_bus` is that of a machine
without one. On the bus nobody can ask a person for a password, as over SSH: what is locked stays locked, and the
service says so at once. The interface: https://specifications.freedesktop.org/secret-service-spec/.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.servers.processes import ServerProcess, get_program, make_folder

BUS_CONFIGURATION = """<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
SESSION_VARIABLES = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY")
SESSION_PREFIXES = ("XDG_", "GNOME_", "KDE_")
SECRETS_NAME = "org.freedesktop.secrets"


def environment_without_bus(home: Path) -> dict[str, str]:
    """Return this process's environment, less any D-Bus, display and desktop, with `home` as home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in SESSION_VARIABLES and not name.startswith(SESSION_PREFIXES)
    }
    return kept | {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)}


@dataclass(kw_only=True)
class SecretService:
    """A session bus and gnome-keyring on it, running inside `with`.

    `unlocked`: the login keyring exists and is open, as after a graphical login; else there is none, as where
    the service was started by a program's first question. `keyring=False` is a bus on which nobody keeps secrets.
    """

    unlocked: bool = True
    keyring: bool = True

    folder: Path = field(init=False)

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a program inside the session."""
        return environment_without_bus(self.folder) | {"DBUS_SESSION_BUS_ADDRESS": self._address}

    @staticmethod
    def require() -> None:
        """Raise PartMissingError where this machine has no D-Bus or no gnome-keyring."""
        get_program("dbus-daemon")
        get_program("gnome-keyring-daemon")

    def __enter__(self) -> Self:
        self.require()
        self.folder = make_folder("keyring")
        self.folder.chmod(0o700)
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder)
            undo.callback(self._start_bus().stop)
            if self.keyring:
                self._daemon = self._start_daemon()
                undo.callback(self._daemon.stop)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def lock(self) -> None:
        """Lock the login keyring, as a desktop does when its user asks."""
        # Imported where used, here and below: keyring brings these two on Linux alone.
        import secretstorage
        from jeepney.io.blocking import open_dbus_connection

        with contextlib.closing(open_dbus_connection(self._address)) as connection:
            secretstorage.get_default_collection(connection).lock()

    def suspend(self) -> None:
        """Let the service hang: it accepts questions and answers none."""
        self._daemon.suspend()

    @property
    def _address(self) -> str:
        return f"unix:path={self.folder}/bus"

    def _start_bus(self) -> ServerProcess:
        configuration = self.folder / "bus.conf"
        configuration.write_text(BUS_CONFIGURATION.format(socket=self.folder / "bus"), encoding="utf-8")
        bus = ServerProcess(
            [get_program("dbus-daemon"), "--nofork", "--nopidfile", f"--config-file={configuration}"],
            output=self.folder / "bus.log",
            environment=environment_without_bus(self.folder),
        )
        bus.wait_until(self._is_listening)
        return bus

    def _is_listening(self) -> bool:
        # The socket's file is there a moment before anybody listens.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.folder / "bus")) == 0

    def _start_daemon(self) -> ServerProcess:
        daemon = ServerProcess(
            [
                get_program("gnome-keyring-daemon"),
                *("--foreground", "--components=secrets"),
                *(["--unlock"] if self.unlocked else []),
            ],
            output=self.folder / "keyring.log",
            environment=self.environment,
            stdin=b"the login password" if self.unlocked else b"",
        )
        daemon.wait_until(self._is_served)
        return daemon

    def _is_served(self) -> bool:
        from jeepney.bus_messages import message_bus
        from jeepney.io.blocking import open_dbus_connection

        with contextlib.closing(open_dbus_connection(self._address)) as connection:
            (owned,) = connection.send_and_get_reply(message_bus.NameHasOwner(SECRETS_NAME)).body
        return bool(owned)
