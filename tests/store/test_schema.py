"""The JSON Schema agrees with the decoder on what a file may hold."""

from __future__ import annotations

import json
import tomllib

import pytest
from tests.store.layouts import BY_HAND, INLINE, INTERLEAVED

from mailctl.store.schema import settings_schema


def test_the_schema_names_its_dialect_and_is_plain_json():
    schema = settings_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "Settings of mailctl"
    assert json.loads(json.dumps(schema)) == schema


def test_every_setting_that_a_person_writes_is_described_by_its_rule():
    endpoint = settings_schema()["$defs"]["SmtpEndpoint"]
    assert endpoint["required"] == ["host"]
    assert endpoint["properties"]["port"]["maximum"] == 65535
    assert endpoint["properties"]["timeout"]["description"] == "whole seconds, 10 to 120"


@pytest.fixture
def validator():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(settings_schema())
    return jsonschema.Draft202012Validator(settings_schema())


ACCOUNT = '[sysmail]\naddress = "a@example.com"\nsmtp.host = "h"\npop_before_smtp.host = "p"\n'


@pytest.mark.parametrize("text", [BY_HAND, INLINE, INTERLEAVED, ACCOUNT, "", BY_HAND.replace('"imap"', '"imap4"')])
def test_valid_files_are_valid_by_the_schema(validator, text):
    assert list(validator.iter_errors(tomllib.loads(text))) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('code = "kyoto"', "code = 1"),
        ('code = "kyoto"', ""),
        ('"imap"', '"jmap"'),
        ('security = "tls"', "port = 70000"),
        ('security = "tls"', "timeout = 9"),
        ("schema_version = 1", "schema_version = 2"),
    ],
)
def test_broken_files_are_not_valid_by_the_schema(validator, right, wrong):
    assert list(validator.iter_errors(tomllib.loads(BY_HAND.replace(right, wrong)))) != []
