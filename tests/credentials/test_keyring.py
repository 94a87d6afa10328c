"""The keyring: a real Secret Service where possible, misbehaving backends where not."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contracts.secret_store import SecretStoreContract
from tests.credentials.keyring_doubles import MODULE, Blocking, Countdown, Died, Memory, Small
from tests.servers.secret_service import SecretService, environment_without_bus

from mailctl.credentials.keyring_store import KeyringStore
from mailctl.credentials.os_keyring import OsKeyring
from mailctl.errors import SecretStoreError
from mailctl.model.secret import Secret

CANARY = "canary-7f3a-secret"


def use(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """Make this process see another session."""
    for name in ("DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND", "MAILCTL_KEYRING_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        if name in environment:
            monkeypatch.setenv(name, environment[name])
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def ask_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Opt in to one of the doubles."""
    Memory.reset()
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", f"{MODULE}.{name}")


class TestSecretService(SecretStoreContract):
    @pytest.fixture
    def reopen(self, secret_service: SecretService, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
        use(monkeypatch, secret_service.environment)
        return lambda: KeyringStore(OsKeyring(), f"mailctl-{request.node.name}")


class TestSecretServiceInParts(SecretStoreContract):
    """Every value beyond a few characters is stored in parts."""

    @pytest.fixture
    def reopen(self, secret_service: SecretService, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
        use(monkeypatch, secret_service.environment)
        return lambda: KeyringStore(OsKeyring(), f"mailctl-parts-{request.node.name}", value_limit=400)


class TestSmallKeyring(SecretStoreContract):
    lists_names = False

    @pytest.fixture
    def reopen(self, monkeypatch: pytest.MonkeyPatch):
        ask_for(monkeypatch, "Small")
        return lambda: KeyringStore(OsKeyring(), "mailctl", value_limit=1280)


def test_parts_leave_nothing_behind_when_a_secret_is_replaced_or_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for(monkeypatch, "Small")
    store = KeyringStore(OsKeyring(), "mailctl", value_limit=1280)
    store.set("token", Secret("x" * 10_000))
    assert len(Small.entries) == 9
    store.set("token", Secret("🔑" * 5_000))
    assert len(Small.entries) == 9
    assert store.find("token") == Secret("🔑" * 5_000)
    store.set("token", Secret("short"))
    assert Small.entries == {("mailctl", "token"): "short"}
    store.set("token", Secret("y" * 1280))
    assert Small.entries == {("mailctl", "token"): "y" * 1280}
    store.set("token", Secret("y" * 1281))
    assert len(Small.entries) == 3
    store.delete("token")
    assert Small.entries == {}


def test_a_secret_that_looks_like_the_entry_of_a_secret_in_parts_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for(monkeypatch, "Memory")
    store = KeyringStore(OsKeyring(), "mailctl")
    store.set("odd", Secret("mailctl-parts:1:0123abcd:7"))
    assert store.find("odd") == Secret("mailctl-parts:1:0123abcd:7")


def test_a_missing_part_is_an_error_and_no_shorter_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for(monkeypatch, "Memory")
    store = KeyringStore(OsKeyring(), "mailctl", value_limit=4)
    store.set("token", Secret("0123456789"))
    del Memory.entries[next(key for key in Memory.entries if key[1].endswith(".1"))]
    with pytest.raises(SecretStoreError, match="only a part of the secret 'token'"):
        store.find("token")


@pytest.mark.parametrize("old", ["short", "an old one in parts"])
@pytest.mark.parametrize("new", ["new", "a new one in parts"])
def test_a_writer_that_dies_leaves_the_old_secret_or_the_new_one(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    for calls in range(100):
        ask_for(monkeypatch, "Memory")
        store = KeyringStore(OsKeyring(), "mailctl", value_limit=5)
        store.set("token", Secret(old))
        Memory.countdown = Countdown(calls)
        try:
            store.set("token", Secret(new))
        except Died:
            Memory.countdown = Countdown()
            assert store.find("token") in (Secret(old), Secret(new))
        else:
            assert calls > 0
            assert store.find("token") == Secret(new)
            return
    pytest.fail("the writer never came to its end")


@pytest.mark.real("keyring")
def test_a_locked_keyring_says_that_it_is_locked_and_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with SecretService() as service:
        use(monkeypatch, service.environment)
        store = KeyringStore(OsKeyring(), "mailctl")
        store.set("relay", Secret(CANARY))
        service.lock()
        for call in (lambda: store.find("relay"), lambda: store.set("relay", Secret("x")), store.check, store.names):
            with pytest.raises(SecretStoreError) as refused:
                call()
            assert refused.value.message == "the keyring is locked"
            assert "unlock it" in str(refused.value.hint)
            assert "secret backend vault" in str(refused.value.hint)


@pytest.mark.real("keyring")
def test_a_secret_service_without_a_collection_is_not_asked_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with SecretService(unlocked=False) as service:
        use(monkeypatch, service.environment)
        with pytest.raises(SecretStoreError, match="no default collection"):
            KeyringStore(OsKeyring(), "mailctl").set("relay", Secret(CANARY))


@pytest.mark.real("keyring")
def test_a_secret_service_that_hangs_meets_the_deadline_and_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with SecretService() as service:
        use(monkeypatch, service.environment)
        service.suspend()
        store = KeyringStore(OsKeyring(deadline_seconds=0.5), "mailctl")
        with pytest.raises(SecretStoreError, match=r"did not answer within 0\.5 s") as first:
            store.find("relay")
        with pytest.raises(SecretStoreError) as second:
            store.find("another")
        assert second.value is first.value


@pytest.mark.real("keyring")
def test_a_bus_without_a_secret_service_is_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    with SecretService(keyring=False) as service:
        use(monkeypatch, service.environment)
        with pytest.raises(SecretStoreError, match="no keyring that mailctl can use"):
            KeyringStore(OsKeyring(), "mailctl").check()


def test_a_machine_without_a_bus_is_told_its_choices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, environment_without_bus(tmp_path))
    with pytest.raises(SecretStoreError) as refused:
        KeyringStore(OsKeyring(), "mailctl").set("relay", Secret(CANARY))
    for choice in ("--key-file", "--passphrase-from", "env:", "file:", "command:"):
        assert choice in str(refused.value.hint)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "backend",
    [
        "keyring.backends.null.Keyring",
        "keyring.backends.fail.Keyring",
        "keyring.backends.chainer.ChainerBackend",
        f"{MODULE}.Memory",
    ],
)
@pytest.mark.parametrize("where", ["PYTHON_KEYRING_BACKEND", "keyringrc.cfg"])
def test_a_backend_that_is_not_the_systems_is_refused_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backend: str, where: str
) -> None:
    use(monkeypatch, environment_without_bus(tmp_path))
    if where == "keyringrc.cfg":
        folder = tmp_path / ".config" / "python_keyring"
        folder.mkdir(parents=True)
        (folder / "keyringrc.cfg").write_text(f"[backend]\ndefault-keyring={backend}\n", encoding="utf-8")
    else:
        monkeypatch.setenv(where, backend)
    with pytest.raises(SecretStoreError) as refused:
        KeyringStore(OsKeyring(), "mailctl").check()
    assert backend in refused.value.message
    assert where in refused.value.message
    assert f"MAILCTL_KEYRING_BACKEND={backend}" in str(refused.value.hint)


def test_a_backend_that_is_asked_for_by_name_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for(monkeypatch, "Memory")
    store = KeyringStore(OsKeyring(), "mailctl")
    store.set("relay", Secret("s"))
    assert Memory.entries == {("mailctl", "relay"): "s"}
    assert store.location == f"the keyring ({MODULE}.Memory)"


@pytest.mark.parametrize("name", ["no.such.module.Keyring", f"{MODULE}.NoSuchClass", "nonsense"])
def test_a_backend_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MAILCTL_KEYRING_BACKEND", name)
    with pytest.raises(SecretStoreError, match=name):
        KeyringStore(OsKeyring(), "mailctl").check()


def test_a_backend_that_hangs_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for(monkeypatch, "Blocking")
    with pytest.raises(SecretStoreError, match="did not answer"):
        KeyringStore(OsKeyring(deadline_seconds=0.2), "mailctl").find("relay")
    assert Blocking.asked.is_set()


@pytest.mark.parametrize("old", [None, "an earlier one"])
def test_a_keyring_that_gives_something_else_back_is_an_error_and_the_old_secret_stays(
    monkeypatch: pytest.MonkeyPatch, old: str | None
) -> None:
    ask_for(monkeypatch, "Forgetful")
    if old is not None:
        Memory.entries["mailctl", "relay"] = old
    with pytest.raises(SecretStoreError, match="gave back another secret"):
        KeyringStore(OsKeyring(), "mailctl").set("relay", Secret(CANARY))
    assert Memory.entries.get(("mailctl", "relay")) == old


@pytest.mark.parametrize("double", ["Chatty", "Broken"])
def test_no_backend_gets_a_secret_into_an_error(monkeypatch: pytest.MonkeyPatch, double: str) -> None:
    ask_for(monkeypatch, double)
    with pytest.raises(SecretStoreError) as refused:
        KeyringStore(OsKeyring(), "mailctl").set("relay", Secret(CANARY))
    assert CANARY not in f"{refused.value!r} {refused.value.message} {refused.value.hint} {refused.value.details}"
    assert refused.value.__suppress_context__
