"""E-mail: who, to whom, when, about what, and the text; of attachments their names. Source: RFC 5322, RFC 2045."""

import email
import email.policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from domov.documents.blocks import Outline, Parsed
from domov.documents.encodings import decode
from domov.documents.failures import Unreadable
from domov.documents.readers import html
from domov.documents.readers.plain import paragraphs

TOLD = ("From", "To", "Cc", "Date", "Subject")


def read(content: bytes, name: str) -> Parsed:
    message = email.message_from_bytes(content, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not any(message.keys()):
        raise Unreadable("it is no e-mail")
    outline = Outline()
    subject = _header(message, "Subject")
    outline.heading(1, subject)
    told = [f"{key}: {_header(message, key)}" for key in TOLD if _header(message, key)]
    attached = [part.get_filename() or "" for part in message.walk() if part.get_content_disposition() == "attachment"]
    if attached:
        told.append(f"Attached: {', '.join(filter(None, attached))}")
    outline.add("\n".join(told))
    for text, is_html in _bodies(message):
        if is_html:
            html.read_text(text, outline)
        else:
            for _, lines in paragraphs(text.replace("\r\n", "\n").split("\n")):
                outline.add("\n".join(lines))
    return outline.parsed(title=subject, author=_header(message, "From"), date=_date(message))


def _header(message: EmailMessage, key: str) -> str:
    try:
        return " ".join(str(message.get(key, "")).split())
    except (ValueError, IndexError, AttributeError):  # what the standard library says of malformed addresses
        return ""


def _bodies(message: EmailMessage) -> list[tuple[str, bool]]:
    try:
        body = message.get_body(preferencelist=("plain", "html"))
        parts = [body] if body is not None else []
        return [(_text(part), part.get_content_subtype() == "html") for part in parts if isinstance(part, EmailMessage)]
    except (KeyError, AttributeError, ValueError) as error:
        raise Unreadable("damaged: its parts can't be told apart") from error


def _text(part: EmailMessage) -> str:
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    try:
        return content.decode(part.get_content_charset() or "utf-8")
    except (LookupError, UnicodeDecodeError):
        return decode(content)


def _date(message: EmailMessage) -> str:
    try:
        return parsedate_to_datetime(_header(message, "Date")).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""
