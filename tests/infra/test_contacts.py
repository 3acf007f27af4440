"""However a phone, an address, a name or a document number is typed, it is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import contacts

MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
FULL_WIDTH = {ord(char): ord(char) + 0xFEE0 for char in "0123456789+-()"}


@given(
    number=MOBILES,
    prefix=st.sampled_from(["", "+86", "0086", "86", "+86 ", "0086-", "(+86)"]),
    cuts=st.lists(st.tuples(st.integers(0, 11), st.sampled_from([" ", "-", "–", "\u3000", "\u200b", ".", "  "]))),
    wide=st.booleans(),
)
def test_every_way_to_write_a_mobile_number_is_one(
    number: str, prefix: str, cuts: list[tuple[int, str]], wide: bool
) -> None:
    typed = number
    for at, sign in cuts:
        typed = typed[:at] + sign + typed[at:]
    typed = prefix + typed
    if wide:
        typed = typed.translate(FULL_WIDTH)
    assert contacts.phone(typed) == f"+86{number}"


@given(st.one_of(st.text(), st.from_regex(r"\+?[0-9 ()\-]{3,18}", fullmatch=True)))
def test_what_is_a_number_at_all_is_stable_and_comes_back_from_how_people_write_it(typed: str) -> None:
    try:
        number = contacts.phone(typed)
    except ValueError:
        return
    assert contacts.phone(number) == number
    assert contacts.phone(contacts.national(number)) == number
    assert contacts.national(number).isdigit()


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("(0574) 8765-4321", "+8657487654321"),
        ("+86 574 87654321", "+8657487654321"),
        ("+86 0574 87654321", "+8657487654321"),
        ("010-12345678", "+861012345678"),
        ("+1 415 555 0123", "+14155550123"),
        ("00852 2345 6789", "+85223456789"),
    ],
)
def test_landlines_and_foreign_numbers(typed: str, number: str) -> None:
    assert contacts.phone(typed) == number


@pytest.mark.parametrize(
    "typed", ["", "110", "12800000000", "138000000000", "+86", "十三亿", "138x0000000", "+0123456789"]
)
def test_no_number(typed: str) -> None:
    with pytest.raises(ValueError, match="no phone number"):
        contacts.phone(typed)


def test_an_address_is_one_whatever_its_case_and_width() -> None:
    assert contacts.email("  Zhang.San@Example.CN ") == "zhang.san@example.cn"
    assert contacts.email("ｚｈａｎｇ＠example．cn") == "zhang@example.cn"


@pytest.mark.parametrize("typed", ["", "@", "a@b", "a b@c.cn", "a@b.cn,c@d.cn", "a@b.cn\r\nBcc: x@y.cn", "<a@b.cn>"])
def test_no_address(typed: str) -> None:
    with pytest.raises(ValueError, match="no e-mail"):
        contacts.email(typed)


def test_a_mistyped_identity_card_number_is_found_out() -> None:
    right = "11010519491231002X"  # the example of GB 11643
    assert contacts.document_number(" 110105 19491231 002x ") == right
    for at in range(17):
        wrong = right[:at] + str((int(right[at]) + 1) % 10) + right[at + 1 :]
        with pytest.raises(ValueError, match="no document"):
            contacts.document_number(wrong)
    assert contacts.document_number("e12345678") == "E12345678"


@given(st.text(min_size=1))
def test_a_masked_name_shows_its_last_character_only(typed: str) -> None:
    try:
        name = contacts.name(typed)
    except ValueError:
        return
    masked = contacts.masked(name)
    assert masked[-1] == name[-1]
    assert set(masked[:-1]) <= {"*"}
    assert len(masked) <= 3
