"""mailctl: register mail servers, keep them safely, and prove that sending and receiving work.

Layers. Imports point one way, downwards; a test keeps it (`tests/test_layers.py`).

    cli         Typer commands, a module or a folder a group; the error boundary; prompts. Nothing is decided here
    sendmail    the sendmail-compatible program, a light second front end
    sandbox     the throw-away mail server of `mailctl sandbox`
    wiring      the composition root: options and settings → services
    services    use cases, a folder each: models in, models out. `testing` observes the production path
    render      models → text for people
    store       the TOML file: fast to read, edited in place, replaced atomically
    credentials keyring, vault and references behind one object
    transport   SMTP, POP3, IMAP and ManageSieve over one guarded wire, Graph over HTTP: a folder each
    oauth       the flows of OAuth 2.0: authorisation, tokens, refresh, revocation
    protocol    mail knowledge without sockets: SASL, replies, capabilities, messages, rules, redaction, remedies
    model       frozen models and enums, validated at the edge by one decoder; presets; the settings as a whole
    durable     atomic, durable file replacement; locks
    exits       error class → exit code, one table
    errors      every error, as one tree

How a command flows. `cli` reads options into plain fields; `services` turns them into an edit, a pure function from
Settings to Settings; `store` carries it out in one transaction and verifies that the new text says what was meant.
The same decoder (`model/decode`) reads the file, imports and options, and names all problems at once.

How a test flows. `services/testing` opens the same session that sending or receiving opens, with a `Watch` that records
each stage as it happens; the records become steps with verdict, cause and remedy. There is no second implementation.
Its `check_all` runs the tests of all targets, a host at a time; `render` has a module for each format of a report.

What keeps secrets: `model.secret.Secret` never shows itself, the settings hold references, and what goes into a
transcript or an error passes `protocol/redact` as bytes, before it is anything else.

Start-up is felt at every call, so modules are imported where they are used: `--help` and completion know the commands
by name, and a command loads its own libraries.
"""

__version__ = "0.1.0"
