"""The shortest scripts on the protocol libraries: `library_clients.py smtp|imap|pop3 starttls|tls PORT DEPTH FOLDER`.

They do what `mailctl test` does up to DEPTH (auth, message, mailbox), as an administrator would write it in a minute.
FOLDER holds `ca.pem`, `username`, `password` and `message`.
"""

from __future__ import annotations

import ssl
import sys
from pathlib import Path

HOST = "127.0.0.1"


def send(security: str, port: int, depth: str, folder: Path) -> None:
    import smtplib

    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    username = (folder / "username").read_text()
    connected = smtplib.SMTP_SSL(HOST, port, context=context) if security == "tls" else smtplib.SMTP(HOST, port)
    with connected as smtp:
        if security == "starttls":
            smtp.starttls(context=context)
            smtp.ehlo()
        else:
            smtp.ehlo()
        smtp.user, smtp.password = username, (folder / "password").read_text()
        smtp.auth("PLAIN", smtp.auth_plain)
        if depth == "message":
            smtp.sendmail(username, [username], (folder / "message").read_bytes())


def examine(security: str, port: int, folder: Path) -> None:
    from imapclient import IMAPClient

    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    with IMAPClient(HOST, port, ssl=security == "tls", ssl_context=context) as imap:
        if security == "starttls":
            imap.starttls(context)
        imap.login((folder / "username").read_text(), (folder / "password").read_text())
        imap.select_folder("INBOX", readonly=True)


def stat(security: str, port: int, folder: Path) -> None:
    import poplib

    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    pop3 = poplib.POP3_SSL(HOST, port, context=context) if security == "tls" else poplib.POP3(HOST, port)
    if security == "starttls":
        pop3.stls(context)
    pop3.user((folder / "username").read_text())
    pop3.pass_((folder / "password").read_text())
    pop3.stat()
    pop3.quit()


def main(protocol: str, security: str, port: str, depth: str, folder: str) -> None:
    if protocol == "smtp":
        send(security, int(port), depth, Path(folder))
    else:
        {"imap": examine, "pop3": stat}[protocol](security, int(port), Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
