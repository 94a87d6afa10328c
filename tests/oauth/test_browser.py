"""The listener that waits for the browser: what it takes, what it leaves, and that it is gone afterwards."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from tests.oauth.provider import TOKENS, Reply, ScriptedProvider

from mailctl.errors import AuthenticationError, ProtocolError
from mailctl.model.oauth import Provider
from mailctl.model.secret import Secret
from mailctl.oauth.browser import authorise_in_browser, open_browser

SCOPES = ("https://mail.example.test/",)


class Browser:
    """Opens the address in a thread of its own, and does there what the test says; `failure` is what went wrong."""

    def __init__(self, act):
        self._act = act
        self.failure = None

    def open(self, url):
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.state, self.address = asked["state"], urlsplit(asked["redirect_uri"])
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self._act(self)
        except BaseException as error:
            self.failure = error

    def finish(self):
        self._thread.join()
        if self.failure:
            raise self.failure

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.address.port), timeout=10)

    def send(self, request):
        """Send bytes; return the whole answer."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection)

    def get(self, target, *, method="GET", host=None):
        host = self.address.netloc if host is None else host
        return self.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n".encode())

    def come_back(self, code="code-1", **others):
        extra = "".join(f"&{name}={quote(value, safe='')}" for name, value in others.items())
        return self.get(f"/?code={code}&state={self.state}{extra}")


def read_all(connection):
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def status(answer):
    return int(answer.split()[1])


def sign_in(act, *, provider=Provider.CUSTOM, replies=(TOKENS,), timeout_seconds=30):
    """Return the tokens that the flow ends with, or raise what it ends with; and what the provider was asked."""
    browser = Browser(act)
    with ScriptedProvider(*replies) as double:
        try:
            tokens = authorise_in_browser(
                double.registration(provider), SCOPES, open_browser=browser.open, timeout_seconds=timeout_seconds
            )
        finally:
            browser.finish()
        assert is_closed(browser.address.port)
        return tokens, double.asked


def is_closed(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_code_is_redeemed_with_its_verifier():
    tokens, asked = sign_in(lambda browser: browser.come_back())
    assert tokens.access_token == Secret("at-1")
    assert asked[0].form["code"] == "code-1"
    assert len(asked[0].form["code_verifier"]) >= 43
    assert asked[0].form["redirect_uri"].startswith("http://127.0.0.1:")
    assert asked[0].form["client_id"] == "client-id-1"


def test_page_loads_nothing_from_elsewhere():
    answers = []
    sign_in(lambda browser: answers.append(browser.come_back()))
    head, _, body = answers[0].decode().partition("\r\n\r\n")
    assert "close this window" in body
    assert "Content-Security-Policy: default-src 'none'" in head
    assert "Cache-Control: no-store" in head
    assert not re.search(r"(src|href|action)\s*=|https?://|<script|@import|url\(", body)
    assert "code-1" not in answers[0].decode()


def test_microsoft_is_told_localhost_while_the_listener_is_on_127_0_0_1():
    hosts = []

    def act(browser):
        hosts.append(browser.address.hostname)
        browser.come_back()

    _, asked = sign_in(act, provider=Provider.MICROSOFT)
    assert hosts == ["localhost"]
    assert asked[0].form["redirect_uri"].startswith("http://localhost:")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_listener_is_on_127_0_0_1_alone():
    outcomes = []

    def act(browser):
        for address in ("127.0.0.2", "::1"):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family) as probe:
                outcomes.append(probe.connect_ex((address, browser.address.port)))
        browser.come_back()

    sign_in(act)
    assert 0 not in outcomes


@pytest.mark.parametrize(
    "target",
    [
        "/?code=forged-1&state=wrong",
        "/?code=forged-1",
        "/?error=access_denied",
        "/?error=access_denied&state=wrong",
        "/?state={state}",
        "/?code=forged-1&code=forged-2&state={state}",
        "/?code=forged-1&state={state}&state=other",
        "/",
    ],
)
def test_what_is_not_the_answer_is_ignored_and_the_answer_still_counts(target):
    answers = []

    def act(browser):
        answers.append(browser.get(target.replace("{state}", browser.state)))
        browser.come_back()

    _, asked = sign_in(act)
    assert [status(answer) for answer in answers] == [400]
    assert [request.form["code"] for request in asked] == ["code-1"]


@pytest.mark.parametrize(
    ("method", "target", "host"),
    [
        ("POST", "/?code=forged-1&state={state}", None),
        ("HEAD", "/?code=forged-1&state={state}", None),
        ("GET", "/favicon.ico", None),
        ("GET", "/callback?code=forged-1&state={state}", None),
        ("GET", "//?code=forged-1&state={state}", None),
        ("GET", "http://127.0.0.1/?code=forged-1&state={state}", None),
        ("GET", "/?code=forged-1&state={state}", "evil.example.test"),
        ("GET", "/?code=forged-1&state={state}", "127.0.0.1"),
        ("GET", "/?code=forged-1&state={state}", "localhost:{port}"),
        ("GET", "/?code=forged-1&state={state}", "127.0.0.1:{port}\r\nHost: evil.example.test"),
        ("GET", "/?code=forged-1&state={state} junk", None),
    ],
)
def test_wrong_method_path_or_host_is_not_found(method, target, host):
    answers = []

    def act(browser):
        sent_host = host.replace("{port}", str(browser.address.port)) if host else None
        answers.append(browser.get(target.replace("{state}", browser.state), method=method, host=sent_host))
        browser.come_back()

    _, asked = sign_in(act)
    assert [status(answer) for answer in answers] == [404]
    assert [request.form["code"] for request in asked] == ["code-1"]


@pytest.mark.parametrize(
    "noise", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"\r\n\r\n", b"GET\r\n\r\n"]
)
def test_noise_is_not_found(noise):
    answers = []

    def act(browser):
        answers.append(browser.send(noise))
        browser.come_back()

    sign_in(act)
    assert status(answers[0]) == 404


def test_silent_and_half_sent_connections_do_not_hold_the_answer_up():
    def act(browser):
        silent = [browser.connect() for _ in range(100)]
        for connection in silent[::2]:
            connection.sendall(b"GET /?code=half")
        answer = browser.come_back()
        for connection in silent:
            connection.close()
        assert status(answer) == 200

    _, asked = sign_in(act)
    assert len(asked) == 1


def test_request_in_pieces_is_read():
    def act(browser):
        request = f"GET /?code=code-1&state={browser.state} HTTP/1.1\r\nHost: {browser.address.netloc}\r\n\r\n".encode()
        with browser.connect() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(request), 7):
                connection.sendall(request[at : at + 7])
            assert status(read_all(connection)) == 200

    _, asked = sign_in(act)
    assert asked[0].form["code"] == "code-1"


def test_endless_head_is_dropped():
    def act(browser):
        with browser.connect() as connection:
            try:
                connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000)
                assert read_all(connection) == b""
            except OSError:
                pass  # dropped while it was still sending
        browser.come_back()

    _, asked = sign_in(act)
    assert len(asked) == 1


def test_second_answer_is_refused():
    answers = []

    def act(browser):
        browser.come_back("code-1")
        try:
            answers.append(browser.come_back("code-2"))
        except OSError:
            answers.append(b"")  # refused or reset, as the system has it

    _, asked = sign_in(act)
    assert answers == [b""]
    assert [request.form["code"] for request in asked] == ["code-1"]


def test_refusal_is_shown_escaped_and_ends_the_flow():
    answers = []

    def act(browser):
        words = quote("<script>alert('x')</script>\x1b[2J")
        answers.append(browser.get(f"/?error=access_denied&error_description={words}&state={browser.state}"))

    with pytest.raises(AuthenticationError) as caught:
        sign_in(act)
    assert caught.value.reason == "declined"
    page = answers[0].decode()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in page
    assert "\x1b" not in page + caught.value.message
    assert "What to do" in page
    assert f"<p>{caught.value.hint.capitalize()}.</p>" in page


def test_answer_of_another_issuer_ends_the_flow():
    with pytest.raises(AuthenticationError) as caught:
        sign_in(lambda browser: browser.come_back(iss="https://evil.example.test"))
    assert caught.value.reason == "issuer-mismatch"


def test_nobody_signs_in():
    with pytest.raises(AuthenticationError) as caught:
        sign_in(lambda browser: None, timeout_seconds=0.05)
    assert caught.value.reason == "authorisation-expired"


@pytest.mark.parametrize("ending", [KeyboardInterrupt, RuntimeError])
def test_port_is_closed_whatever_ends_the_flow(ending):
    ports = []

    def fail(url):
        ports.append(urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0]).port)
        raise ending

    with ScriptedProvider(TOKENS) as double, pytest.raises(ending):
        authorise_in_browser(double.registration(), SCOPES, open_browser=fail)
    assert is_closed(ports[0])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal to itself")
def test_interruption_while_waiting_closes_the_port():
    ports = []

    def interrupt(browser):
        ports.append(browser.address.port)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sign_in(interrupt)
    assert is_closed(ports[0])


def test_port_is_closed_after_refused_and_expired_sign_ins():
    ports = []

    def refuse(browser):
        ports.append(browser.address.port)
        browser.get(f"/?error=access_denied&state={browser.state}")

    with pytest.raises(AuthenticationError):
        sign_in(refuse)
    with pytest.raises(AuthenticationError):
        sign_in(lambda browser: ports.append(browser.address.port), timeout_seconds=0.05)
    assert [is_closed(port) for port in ports] == [True, True]


def test_refused_code_is_said_after_the_page():
    reply = Reply(400, {"error": "invalid_grant", "error_description": "no"})
    with pytest.raises(AuthenticationError) as caught:
        sign_in(lambda browser: browser.come_back(), replies=(reply,))
    assert caught.value.reason == "code-refused"


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.test/authorize",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "--help",
        "https:///x",
        "https://id.example.test/a b",
        "ftp://127.0.0.1/",
    ],
)
def test_browser_is_opened_for_https_alone(url, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with pytest.raises(ProtocolError):
        open_browser(url)
    assert opened == []


@pytest.mark.skipif(sys.platform == "win32", reason="the program that stands for a browser is a shell script")
def test_browser_gets_the_address_as_one_argument(tmp_path):
    import subprocess

    program = tmp_path / "browser"
    told = tmp_path / "told"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$1" > {told}.part && mv {told}.part {told}\n')
    program.chmod(0o755)
    url = "https://id.example.test/authorize?a=$(id)&b=`id`;c='x'"
    script = (
        "import sys, threading; from mailctl.oauth.browser import open_browser; open_browser(sys.argv[1]);"
        "[thread.join() for thread in threading.enumerate() if thread.name == 'browser']"
    )
    subprocess.run([sys.executable, "-c", script, url], env={"BROWSER": f"{program} %s", "PATH": "/bin"}, check=True)
    assert told.read_text().splitlines() == ["1", url]
