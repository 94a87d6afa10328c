"""The JSON Schema (2020-12) of the settings file, for editors that check and complete TOML.

It is made from the models. It says what it can: rules that span several values are told by `mailctl config validate`.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from mailctl.model.server import IncomingProtocol
from mailctl.model.settings import SCHEMA_VERSION, Settings

# What the models' `complete` fills in, and what it takes beside the plain form.
_FOLLOWING = {"port", "security"}


def settings_schema() -> dict[str, Any]:
    """Return the schema of the settings file, as JSON values."""
    schema = msgspec.json.schema(Settings)
    definitions = schema["$defs"]
    for definition in definitions.values():
        required = definition.get("required", [])
        if set(required) >= _FOLLOWING:  # an endpoint
            definition["required"] = [name for name in required if name not in _FOLLOWING]
    definitions[IncomingProtocol.__name__]["enum"] += sorted(IncomingProtocol.aliases())
    definitions[Settings.__name__]["properties"]["schema_version"] |= {"minimum": 1, "maximum": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of mailctl",
        "description": "The settings file of mailctl, in TOML.",
        **_as_toml(schema),
    }


def _as_toml(node: Any) -> Any:
    """Return the schema without JSON's null, which TOML has not: what may be null there is left out here."""
    if isinstance(node, list | tuple):
        return [_as_toml(item) for item in node]
    if not isinstance(node, dict):
        return node
    fields = {key: _as_toml(value) for key, value in node.items() if not (key == "default" and value is None)}
    if isinstance(fields.get("description"), str):
        fields["description"] = cleandoc(fields["description"])
    choices = [choice for choice in fields.pop("anyOf", []) if choice != {"type": "null"}]
    if len(choices) > 1:
        fields["anyOf"] = choices
    return fields | choices[0] if len(choices) == 1 else fields
