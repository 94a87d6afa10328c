"""What one call of the command line carries: its global options, its terminal, and the services behind it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mailctl.cli.talk import Talk
from mailctl.cli.terminal import Terminal

if TYPE_CHECKING:
    from mailctl.credentials import Secrets
    from mailctl.services.oauth.tokens import Tokens
    from mailctl.store import SettingsFile


@dataclass
class Session:
    """The global options of a call; what costs time to build is built when it is first asked for."""

    config: Path | None = None
    no_input: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    no_color: bool = False
    is_config_given: bool = False
    """Whether the command line itself names the settings file, not the environment."""
    talk: Talk | None = None

    @cached_property
    def terminal(self) -> Terminal:
        return Terminal(
            no_input=self.no_input,
            quiet=self.quiet,
            debug=self.debug,
            no_color=self.no_color,
            config=self.config if self.is_config_given else None,
            talk=self.talk,
        )

    @cached_property
    def config_path(self) -> Path:
        """The settings file of this call, whether it exists or not."""
        from mailctl.wiring import locate_settings

        return locate_settings(self.config, os.environ)

    @cached_property
    def settings_file(self) -> SettingsFile:
        from mailctl.wiring import open_settings

        if self.verbose:
            absent = "" if self.config_path.exists() else " (not there yet)"
            self.terminal.say(f"settings file: {self.config_path}{absent}")
        return open_settings(self.config_path)

    @cached_property
    def secrets(self) -> Secrets:
        from mailctl.wiring import open_secrets

        secrets = open_secrets(self.settings_file, self.terminal.warn)
        if self.verbose:
            self.terminal.say(f"new secrets are stored in: {secrets.backend}")
        return secrets

    def open_tokens(self) -> Tokens:
        """Return what access tokens come from."""
        from mailctl.services.oauth.tokens import Tokens

        return Tokens(self.settings_file, self.secrets)


def get_session(context: typer.Context) -> Session:
    """Return the session of a command's context."""
    session = context.find_root().obj
    if not isinstance(session, Session):
        raise TypeError("the command was called without the root command")
    return session
