"""The settings file: read fast, edited in place with everything around the change kept, replaced atomically.

- `settings_file`: the file as a whole: load, change, undo
- `location`: which file it is, and where what is remembered is kept
- `last_tests`: what the last tests found
- `reading`: bytes → Settings, every problem with its line
- `layout`: where sections and values stand in TOML text
- `editing`: the smallest edit of the text that makes it say other Settings, verified
- `canonical`: what differs between two Settings, and how what is new is written
- `splicing`: the edits carried out in the sections that they touch, by tomlkit
- `difference`: what changed in the text, for people
- `schema`: the JSON Schema of the file
"""

from mailctl.store.settings_file import Change, SettingsFile

__all__ = ["Change", "SettingsFile"]
