"""Signatures: set, filled in, and put below messages. RFC 3676, 4.3 (the separator), RFC 2387 (pictures inside)."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from msgspec import Struct
from msgspec.structs import replace

from mailctl.durable import cause_of
from mailctl.errors import InvalidValueError, MissingInputError, Problem, raise_problems
from mailctl.model.account import RESERVED_FIELDS, Account
from mailctl.model.decode import decode_or_raise
from mailctl.model.settings import Edit, Settings
from mailctl.model.signature import SEPARATOR, WELL_KNOWN_FIELDS, Signature, SignatureTemplate, SignatureUse
from mailctl.protocol.message.html_text import html_to_text, put_below, replace_pictures, text_to_html
from mailctl.services.accounts.accounts import change_account
from mailctl.services.fields import clear_fields, merge_fields, to_fields
from mailctl.services.sending.compose import Draft, Picture

_PICTURE_BYTES_MAX = 1_000_000
_PLACEHOLDER = re.compile(r"\{([^\W\d]\w*)\}")
_JOINING = re.compile(r"[^\w<>&]*")
"""What stands between two values only to part them."""
_BRACKETS = {"(": ")", "[": "]", "（": "）", "「": "」", "【": "】"}
_FILE = "file:"
_REMOTE = ("https:", "http:")


class Filled(Struct, frozen=True):
    """A signature as it goes below a message. `html` names its pictures by `cid:`, RFC 2392."""

    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


def read_signature_file(path: str, part: str) -> str:
    """Return a file's text, UTF-8; raises InvalidValueError under the name of the signature's part, text or html."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidValueError([Problem(part, f"{path} cannot be read: {cause_of(error)}")]) from None
    except UnicodeDecodeError as error:
        message = f"{path} is not in UTF-8 (byte {error.start + 1}); `iconv -t utf-8` converts it"
        raise InvalidValueError([Problem(part, message)]) from None


def locate_pictures(html: str, folder: Path) -> str:
    """Return HTML whose pictures are found from anywhere: files by `file:` addresses, which start at `folder`.

    Raises InvalidValueError with every picture that is no file that can be read, or no picture.
    """
    problems: list[Problem] = []

    def located(source: str) -> str:
        if source.lower().startswith(_REMOTE):
            return source
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", source) and not source.startswith(_FILE):
            message = f"'{source[:60]}' is neither a file nor an https: address"
            problems.append(Problem("html", message))
            return source
        path = _path_of(source) if source.startswith(_FILE) else folder / unquote(source)
        try:
            _read_picture(path)
        except ValueError as error:
            problems.append(Problem("html", str(error)))
        return path.absolute().as_uri()

    result = replace_pictures(html, located)
    raise_problems(problems)
    return result


def _path_of(address: str) -> Path:
    return Path(url2pathname(urlsplit(address).path))


def _read_picture(path: Path) -> Picture:
    """Return a picture; raises ValueError that names the file, and why it cannot be one."""
    kind = mimetypes.guess_type(path.name)[0] or ""
    if not kind.startswith("image/"):
        raise ValueError(f"{path} is no picture by its name")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"the picture {path} cannot be read: {cause_of(error)}") from None
    if len(content) > _PICTURE_BYTES_MAX:
        raise ValueError(f"the picture {path} has {len(content)} bytes, and {_PICTURE_BYTES_MAX} are the most")
    return Picture(f"{hashlib.sha256(content).hexdigest()[:32]}@signature.mailctl", path.name, content)


def set_own_signature(address: str, fields: Mapping[str, str], *, clear: Sequence[str] = ()) -> Edit:
    """Return the edit that lays an own signature's `text` and `html` over the present one, and takes it into use.

    Raises InvalidValueError; MissingInputError where nothing is left of it.
    """

    def edit(settings: Settings) -> Settings:
        account = settings.get_account(address)
        base = clear_fields(Signature, to_fields(account.signature) if account.signature else {}, clear)
        wanted = merge_fields(base, fields, {"use": SignatureUse.OWN})
        _require_content(wanted)
        return change_account(settings, account, signature=decode_or_raise(Signature, wanted))

    return edit


def use_signature(address: str, use: SignatureUse) -> Edit:
    """Return the edit that chooses an account's signature; raises MissingInputError where that was never set."""

    def edit(settings: Settings) -> Settings:
        account = settings.get_account(address)
        present = account.signature or Signature()
        if use is SignatureUse.OWN and not (present.text or present.html):
            command = f"`mailctl account signature set --text-file FILE {account.address}`"
            raise MissingInputError(f"{account.address} has no signature of its own", hint=f"{command} sets it")
        if use is SignatureUse.ORGANISATION and settings.signature is None:
            command = "`mailctl signature set --text-file FILE`"
            raise MissingInputError("the organisation has no signature", hint=f"{command} sets it")
        changed = replace(present, use=use)
        return change_account(settings, account, signature=None if changed == Signature() else changed)

    return edit


def set_template(fields: Mapping[str, str], *, clear: Sequence[str] = ()) -> Edit:
    """Return the edit that lays `text` and `html` over the organisation's signature.

    Raises InvalidValueError, for an unknown placeholder too; MissingInputError where nothing is left of it.
    """

    def edit(settings: Settings) -> Settings:
        base = clear_fields(SignatureTemplate, to_fields(settings.signature) if settings.signature else {}, clear)
        wanted = merge_fields(base, fields)
        _require_content(wanted)
        template = decode_or_raise(SignatureTemplate, wanted)
        raise_problems(_unknown_placeholders(template, settings.accounts))
        return replace(settings, signature=template)

    return edit


def _require_content(wanted: Mapping[str, object]) -> None:
    if not wanted.get("text") and not wanted.get("html"):
        raise MissingInputError(
            "missing: --text-file or --html-file", details={"missing": ["--text-file", "--html-file"]}
        )


def list_placeholders(template: SignatureTemplate | Signature) -> list[str]:
    """Return the names between braces, each once."""
    both = (template.text or "") + (template.html or "")
    return list(dict.fromkeys(_PLACEHOLDER.findall(both)))


def _known_names(accounts: Iterable[Account]) -> list[str]:
    own = (name for account in accounts for name in account.fields)
    return list(dict.fromkeys((*sorted(RESERVED_FIELDS), *own, *WELL_KNOWN_FIELDS)))


def _unknown_placeholders(template: SignatureTemplate, accounts: Iterable[Account]) -> list[Problem]:
    known = _known_names(accounts)
    problems = []
    for part in ("text", "html"):
        for name in dict.fromkeys(_PLACEHOLDER.findall(getattr(template, part) or "")):
            if name not in known:
                near = get_close_matches(name, known, n=1)
                meant = f"did you mean {{{near[0]}}}? " if near else ""
                message = (
                    f"{{{name}}} is not known; {meant}known are: {', '.join(known)}, and any --field of an account"
                )
                problems.append(Problem(part, message))
    return problems


def list_left_as_written(settings: Settings, account: Account) -> list[str]:
    """Return the names between braces of an account's own signature that the organisation's would fill in."""
    signature = account.signature
    if signature is None or signature.use is not SignatureUse.OWN:
        return []
    known = _known_names(settings.accounts)
    return [name for name in list_placeholders(signature) if name in known]


def list_lacking(settings: Settings) -> dict[str, list[str]]:
    """Return the fields that the organisation's signature names and accounts that use it lack, by address."""
    if settings.signature is None:
        return {}
    named = [name for name in list_placeholders(settings.signature) if name not in RESERVED_FIELDS]
    users = (
        account
        for account in settings.accounts
        if account.signature and account.signature.use is SignatureUse.ORGANISATION
    )
    lacking = {account.address: [name for name in named if name not in account.fields] for account in users}
    return {address: names for address, names in lacking.items() if names}


def fill_signature(settings: Settings, account: Account) -> Filled | None:
    """Return the signature that goes below an account's messages; None where it uses none.

    What an account has no value for is left out with the signs that part it from its neighbours, in the text with its
    whole line if nothing else is filled in there.
    Raises InvalidValueError for a picture that cannot be read.
    """
    chosen = account.signature
    if chosen is None or chosen.use is SignatureUse.NONE:
        return None
    if chosen.use is SignatureUse.OWN:
        return _filled(chosen.text, chosen.html)
    template = settings.signature
    if template is None:
        return None
    values = {
        **account.fields,
        "display_name": account.display_name or account.address,
        "address": account.address,
    }
    html = _fill(template.html, {name: escape(value) for name, value in values.items()}) if template.html else None
    return _filled(_fill_lines(template.text, values) if template.text else None, html)


def _filled(text: str | None, html: str | None) -> Filled:
    pictures: dict[str, Picture] = {}

    def contained(source: str) -> str:
        if not source.startswith(_FILE):
            return source
        try:
            picture = _read_picture(_path_of(source))
        except ValueError as error:
            raise InvalidValueError([Problem("signature", str(error))]) from None
        pictures[picture.content_id] = picture
        return f"cid:{picture.content_id}"

    marked = replace_pictures(html, contained) if html else text_to_html(text or "")
    return Filled(text or html_to_text(html or ""), marked, tuple(pictures.values()))


def _fill(template: str, values: Mapping[str, str]) -> str:
    first, *rest = _PLACEHOLDER.split(template)
    filled = [first]
    for name, after in zip(rest[::2], rest[1::2], strict=True):
        if value := values.get(name):
            filled += [value, after]
        else:
            filled[-1] = _closed_up(filled[-1], after, is_first=len(filled) == 1)
    return "".join(filled)


def _closed_up(before: str, after: str, *, is_first: bool) -> str:
    """Return what stood before and after a value that there is not, without what only joined it to its neighbours.

    `is_first`: no value stands before it.
    """
    if any(before.endswith(left) and after.startswith(right) for left, right in _BRACKETS.items()):
        before, after = before[:-1], after[1:]
        return before.rstrip(" ") + after
    if not is_first and _JOINING.fullmatch(before):
        return after
    begins = not before or before.endswith((">", "\n"))
    return before if begins and _JOINING.fullmatch(after) else before + after


def _fill_lines(template: str, values: Mapping[str, str]) -> str:
    lines = []
    for line in template.split("\n"):
        named = _PLACEHOLDER.findall(line)
        if not named or any(values.get(name) for name in named):
            lines.append(_fill(line, values).rstrip())
    return "\n".join(lines)


def sign(draft: Draft, signature: Filled) -> Draft:
    """Return a draft with a signature below its text and its HTML, in the form of each."""
    signed = draft
    if draft.text is not None or draft.html is None:
        body = (draft.text or "").rstrip("\r\n")
        signed = replace(signed, text=f"{body}\n\n{SEPARATOR}\n{signature.text}\n".lstrip("\n"))
    if draft.html is not None:
        block = f'<div class="signature">{SEPARATOR}<br>\n{signature.html}\n</div>'
        signed = replace(signed, html=put_below(draft.html, block), pictures=(*draft.pictures, *signature.pictures))
    return signed
