"""What every store of secrets has to do. A test class inherits this and says how its store is opened."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailctl.credentials.port import SecretStore, probe
from mailctl.errors import InvalidValueError
from mailctl.model.secret import Secret

DIFFICULT = {
    "empty": "",
    "blank edges": "  blank edges\t ",
    "quotes": '"it\'s" `quoted`',
    "backslashes": "\\n \\ \\\\",
    "non-ASCII": "pässwörd ключ 密码",
    "four bytes": "🔑𝔘",
    "line ends": "one\r\ntwo\n",
    "token of 10,000 characters": "0123456789" * 1000,
}


class SecretStoreContract:
    """Inherit and override `reopen`; `lists_names` says whether the store can list."""

    lists_names = True

    @pytest.fixture
    def reopen(self):
        """Return a function that opens the same store anew, as the next command does."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, reopen) -> SecretStore:
        return reopen()

    @pytest.mark.parametrize("text", DIFFICULT.values(), ids=DIFFICULT)
    def test_a_secret_comes_back_as_it_was(self, store: SecretStore, reopen, text: str) -> None:
        store.set("relay", Secret(text))
        assert store.find("relay") == Secret(text)
        assert reopen().find("relay") == Secret(text)

    @settings(
        max_examples=15,
        deadline=None,
        # One store for all examples, each of which replaces the secret before; the class is inherited by design.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(text=st.text(st.characters(exclude_categories=["Cs"])))
    def test_any_text_comes_back_as_it_was(self, store: SecretStore, text: str) -> None:
        store.set("any", Secret(text))
        assert store.find("any") == Secret(text)

    @pytest.mark.parametrize("name", ["relay", "sysmail/password", "server:hq/client-key-passphrase", "tenant:ü'\"/x"])
    def test_names_of_any_form_are_kept_apart(self, store: SecretStore, name: str) -> None:
        store.set(name, Secret("one"))
        store.set(name + "2", Secret("two"))
        assert (store.find(name), store.find(name + "2")) == (Secret("one"), Secret("two"))

    def test_what_was_never_stored_is_not_there(self, store: SecretStore) -> None:
        assert store.find("never") is None
        assert store.delete("never") is False

    @pytest.mark.parametrize(("old", "new"), [("short", "x" * 500), ("x" * 500, "short"), ("x" * 500, "y" * 400)])
    def test_the_last_secret_of_a_name_counts(self, store: SecretStore, old: str, new: str) -> None:
        store.set("relay", Secret(old))
        store.set("relay", Secret(new))
        assert store.find("relay") == Secret(new)

    @pytest.mark.parametrize("text", ["short", "x" * 500])
    def test_deletion_takes_one_secret_and_no_other(self, store: SecretStore, reopen, text: str) -> None:
        store.set("gone", Secret(text))
        store.set("kept", Secret("kept"))
        assert store.delete("gone") is True
        assert store.delete("gone") is False
        assert reopen().find("gone") is None
        assert reopen().find("kept") == Secret("kept")

    def test_names_are_listed(self, store: SecretStore) -> None:
        store.set("listed", Secret("x" * 500))
        store.set("taken back", Secret("x" * 500))
        store.delete("taken back")
        names = store.names()
        if not self.lists_names:
            assert names is None
            return
        assert names is not None
        assert "listed" in names
        assert "taken back" not in names
        assert all(store.find(name) is not None for name in names)

    def test_what_is_no_text_is_refused_and_the_old_secret_kept(self, store: SecretStore) -> None:
        store.set("relay", Secret("old"))
        with pytest.raises(InvalidValueError) as refused:
            store.set("relay", Secret("bad \udcff"))
        assert "\udcff" not in str(refused.value)
        assert store.find("relay") == Secret("old")

    def test_it_can_be_tried_out_without_a_trace(self, store: SecretStore) -> None:
        before = store.names()
        store.check()
        probe(store)
        assert store.names() == before
