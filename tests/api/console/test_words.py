"""Every word of the console in both languages."""

from pathlib import Path

from eventsourcing.utils import get_topic
from jinja2.ext import babel_extract

from api.console import ahead, process, story
from api.console.forms import FORMS
from api.console.navigation import AUDIT, NAVIGATION
from api.console.words import CODES, ENGLISH, HAPPENED
from domain import meeting
from domain.petition.words import Phase
from domain.task import Status
from domain.wording import ZH
from projections import timeline


def test_every_event_that_is_told_has_words() -> None:
    assert {get_topic(event) for told in (timeline.PUBLIC, timeline.HANDLERS) for event in told} <= HAPPENED.keys()


def test_every_word_of_the_pages_is_there_in_english() -> None:
    said = {*HAPPENED.values(), *(ZH[code] for code in (*Phase, "planned", *Status, *meeting.Status))}
    said |= {*story.SENTENCES.values(), *(text for codes in CODES.values() for text in codes.values())}
    said |= {*ahead.BY_RULE.values(), *ahead.BY_PHASE.values(), ahead.OTHERWISE, ahead.MEETING, ahead.STANDS_STILL}
    for file in Path("api/console/templates").iterdir():
        with file.open("rb") as opened:
            said |= {text for _, _, text, _ in babel_extract(opened, ["_"], [], {}) if isinstance(text, str)}
    said |= set(process.words())
    said |= {words for form in FORMS.values() for words in form.words}
    said |= {words for pages in (*NAVIGATION.values(), AUDIT) for _, words in pages}
    assert len(said) > 100
    assert not {text for text in said if text and not ENGLISH.get(text)}
