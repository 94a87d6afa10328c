"""The root command: the options that stand before every command, and the groups in the order of the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mailctl.cli.lazy import Entry, LazyGroup, command_of, group_of
from mailctl.cli.session import Session

_ENTRIES = {
    "server": Entry("The catalogue of mail servers.", group_of("mailctl.cli.server.group", "server")),
    "sysmail": Entry(
        "The account that the organisation's systems send from.", group_of("mailctl.cli.senders.sysmail", "sysmail")
    ),
    "send": Entry("Send a message, or many.", command_of("mailctl.cli.sending.send", "send", "send")),
    "sendmail": Entry(
        "Send like sendmail: a message on standard input.",
        command_of(
            "mailctl.cli.sending.sendmail",
            "sendmail",
            "sendmail",
            context_settings={"allow_extra_args": True},
        ),
        verbatim=True,
    ),
    "oauth": Entry(
        "Authorise mailboxes at Google, Microsoft or elsewhere.", group_of("mailctl.cli.oauth.group", "oauth")
    ),
    "test": Entry(
        "Prove that sending and receiving work, step by step.", group_of("mailctl.cli.testing.group", "test")
    ),
    "doctor": Entry(
        "Look at this machine: what mail needs of it.", command_of("mailctl.cli.doctor", "doctor", "doctor")
    ),
    "tenant": Entry(
        "Tenants, each with a name or a server of its own.", group_of("mailctl.cli.senders.tenant", "tenant")
    ),
    "support": Entry("Whom to ask for help, and the asking.", group_of("mailctl.cli.support", "support")),
    "account": Entry("The mail accounts of people.", group_of("mailctl.cli.account.group", "account")),
    "signature": Entry("The organisation's signature.", group_of("mailctl.cli.signature", "signature")),
    "mail": Entry("Look at people's mail: folders and messages.", group_of("mailctl.cli.mail", "mail")),
    "secret": Entry("Where secrets live, and whether they are there.", group_of("mailctl.cli.secret", "secret")),
    "config": Entry("The settings file.", group_of("mailctl.cli.config.group", "config")),
    "sandbox": Entry(
        "Run a throw-away mail server for rehearsals and CI.",
        command_of("mailctl.cli.sandbox", "sandbox", "sandbox"),
    ),
    "demo": Entry(
        "Run the main job from end to end against the sandbox.", command_of("mailctl.cli.sandbox", "demo", "demo")
    ),
}


class _Root(LazyGroup):
    def __init__(self, **attributes: Any) -> None:
        for given in ("commands", "no_args_is_help"):
            attributes.pop(given, None)
        super().__init__(entries=_ENTRIES, **attributes)


def root() -> Any:
    """Return the root command, ready to be run."""
    application = typer.Typer(
        cls=_Root,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    application.callback()(_mailctl)
    return typer.main.get_command(application)


def _show_version(wanted: bool) -> None:
    if wanted:
        from mailctl import __version__
        from mailctl.cli.terminal import Terminal

        Terminal().result(f"mailctl {__version__}")
        raise typer.Exit


def _mailctl(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            envvar="MAILCTL_CONFIG",
            help="The settings file.",
            show_default=False,
            readable=False,  # is found out by the store, whose error has an exit code of its own
        ),
    ] = None,
    no_input: Annotated[
        bool, typer.Option("--no-input", envvar="MAILCTL_NO_INPUT", help="Never ask; name what is missing instead.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say which settings file and secret backend are used.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; secrets stay hidden.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour (also NO_COLOR, TERM=dumb).")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Register an organisation's mail servers, keep them safely, and prove that sending and receiving work.

    Examples:

      mailctl demo

      mailctl server add hq --name Headquarters --preset gmail

      mailctl test send hq --to you@example.org --username me@example.org
    """
    del version  # answered by its callback
    source = context.get_parameter_source("config")
    context.obj = Session(
        config=config,
        no_input=no_input,
        quiet=quiet,
        verbose=verbose,
        debug=debug,
        no_color=no_color,
        is_config_given=source is not None and source.name == "COMMANDLINE",
        talk=context.obj,
    )
