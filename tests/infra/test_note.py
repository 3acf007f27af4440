"""Signed notes and checkpoints, as their specifications have them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import note
from infra.note import BadNote, Checkpoint, Signer, Verifier

# The example of Go's golang.org/x/mod/sumdb/note.
PETER = Verifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
SAID = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ONE, TWO = Signer("district.example/yuetan", bytes(32)), Signer("district.example/yuetan", bytes([1] * 32))
TEXT = str(Checkpoint("district.example/yuetan", 7, bytes(32)))


def test_a_note_that_go_signed_opens() -> None:
    text, signed = note.open_note(SAID, [PETER])
    assert text.endswith("your problem is.\n")
    assert signed == [PETER]
    assert Verifier.parse(str(PETER)) == PETER


def test_a_note_of_two_keys_opens_with_either() -> None:
    made = note.sign(TEXT, [ONE, TWO])
    for signer in (ONE, TWO):
        assert note.open_note(made, [signer.verifier]) == (TEXT, [signer.verifier])
    assert note.open_note(made, [TWO.verifier, ONE.verifier])[1] == [ONE.verifier, TWO.verifier]
    with pytest.raises(BadNote, match="nobody"):
        note.open_note(made, [PETER])


@given(st.data())
def test_a_changed_note_does_not_open(data: st.DataObject) -> None:
    made = note.sign(TEXT, [ONE])
    place = data.draw(st.integers(0, len(made) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != made[place]))
    changed = made[:place] + other + made[place + 1 :]
    try:
        text, _ = note.open_note(changed, [ONE.verifier])
    except BadNote:
        return
    assert text == TEXT, "what opens is what was signed"


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "\n",
        "no signatures\n",
        "text\n\n",
        "text\n\n— name\n",
        "text\n\nname AAAAAAAA\n",
        "text\n\n— n AAAA",
        "a\tb\n\n— n AAAAAAAA\n",
    ],
)
def test_what_is_no_note_is_refused(bad: str) -> None:
    with pytest.raises(BadNote):
        note.open_note(bad, [ONE.verifier])


def test_a_checkpoint_reads_as_it_was_written() -> None:
    checkpoint = Checkpoint("a/b", 12, bytes(range(32)))
    assert Checkpoint.parse(str(checkpoint)) == checkpoint
    assert Checkpoint.parse(f"{checkpoint}an extension\n") == checkpoint


@pytest.mark.parametrize(
    "bad", ["", "a\n", "a\n01\n", "a\n-1\nAAAA\n", "\n1\nAAAA\n", "a\n1\nAAAA\n", "a\n²\n" + "A" * 43 + "=\n"]
)
def test_what_is_no_checkpoint_is_refused(bad: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.parse(bad)


@pytest.mark.parametrize(
    "bad", ["", "a", "a+00000000+AAAA", "a b+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"]
)
def test_what_is_no_key_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Verifier.parse(bad)
