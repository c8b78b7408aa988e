"""Files inside requests, as base64."""

import base64
import binascii

from domov.errors import BadRequest


def from_base64(text: str, name: str) -> bytes:
    """name: of the field, for the error. Raises BadRequest."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{name} is not base64") from error
    if not content:
        raise BadRequest(f"{name} is empty")
    return content
