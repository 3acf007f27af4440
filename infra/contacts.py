"""Phones, e-mail addresses, names and document numbers, each written in one way however it was typed.

Every function raises ``ValueError`` when the text is none, and never repeats it: messages are logged and shown.
"""

import re
import unicodedata
from dataclasses import dataclass

_DECORATION = re.compile(r"[\s\u200b-\u200f\u2060\ufeff().\-\u2010-\u2015\u2212\u30fc]+")
_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_LANDLINE = re.compile(r"0[1-9]\d{8,10}", re.ASCII)
_FOREIGN = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_EMAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]{1,64}@[^@\s,;:<>()\[\]\\\"]+\.[^@\s.,;:<>()\[\]\\\"]{2,63}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643


@dataclass(frozen=True)
class Contact:
    """Where a code can be sent: ``kind`` is "phone" or "email", ``address`` its one way of being written."""

    kind: str
    address: str

    @classmethod
    def phone(cls, text: str) -> "Contact":
        return cls("phone", phone(text))

    @classmethod
    def email(cls, text: str) -> "Contact":
        return cls("email", email(text))


def phone(text: str) -> str:
    """E.164: "+8613800000000" for +86, 0086, spaces, dashes and full-width digits alike. National means Chinese."""
    number = _DECORATION.sub("", unicodedata.normalize("NFKC", text))
    number, here = re.subn(r"^(?:\+|00)86", "", number)
    if _MOBILE.fullmatch(mobile := number.removeprefix("86")):
        return f"+86{mobile}"
    if here and not number.startswith("0"):
        number = f"0{number}"
    if _LANDLINE.fullmatch(number):
        return f"+86{number[1:]}"
    number = re.sub(r"^00", "+", number)
    if _FOREIGN.fullmatch(number) and not here:
        return number
    raise ValueError("no phone number")


def national(number: str) -> str:
    """As people here write it, without a plus: 13800000000, 057487654321, 0014155550123."""
    if not number.startswith("+86"):
        return "00" + number[1:]
    return number[3:] if _MOBILE.fullmatch(number[3:]) else "0" + number[3:]


def email(text: str) -> str:
    address = unicodedata.normalize("NFKC", text).strip().lower()
    if len(address) > 254 or not address.isprintable() or not _EMAIL.fullmatch(address):
        raise ValueError("no e-mail address")
    return address


def name(text: str) -> str:
    """Without doubled or outer spaces; the characters stay as they are written."""
    found = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(found) <= 100 or not found.isprintable() or not any(char.isalnum() for char in found):
        raise ValueError("no name")
    return found


def document_number(text: str) -> str:
    """A resident identity card's number with the right check digit, or another document's."""
    number = _DECORATION.sub("", unicodedata.normalize("NFKC", text)).upper()
    if re.fullmatch(r"\d{17}[\dX]", number, re.ASCII):
        rest = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False)) % 11
        if "10X98765432"[rest] == number[17]:
            return number
    elif re.fullmatch(r"[A-Z0-9]{5,20}", number, re.ASCII):
        return number
    raise ValueError("no document number")


def masked(name: str) -> str:
    """Enough to find oneself among one's family, too little to tell a stranger who lives there."""
    return "*" * min(len(name) - 1, 2) + name[-1]
