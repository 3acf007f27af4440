"""Stories that were told by earlier versions of the workflows go on with this one."""

import base64
import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from tests.replay.courses import COURSES, petition_id
from tests.replay.forgetful import Forgetful
from workflows.petition import PetitionStory
from workflows.worker import SANDBOX

HISTORIES = Path(__file__).with_name("histories")


def history(course: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(str(petition_id(course)), (HISTORIES / f"{course}.json").read_text())


@pytest.mark.parametrize("course", COURSES)
async def test_a_saved_story_is_told_again_word_for_word(course: str) -> None:
    await Replayer(workflows=[PetitionStory], workflow_runner=SANDBOX).replay_workflow(history(course))


async def test_a_changed_story_is_found_out() -> None:
    with pytest.raises(NondeterminismError):
        await Replayer(workflows=[Forgetful], workflow_runner=SANDBOX).replay_workflow(history("ordinary"))


@pytest.mark.parametrize("course", COURSES)
def test_a_history_names_nobody_and_holds_no_text(course: str) -> None:
    payloads = re.findall(r'"data": "([^"]+)"', (HISTORIES / f"{course}.json").read_text())
    known = b"\n".join(base64.b64decode(payload) for payload in payloads)
    assert b'"phase"' in known
    for word in (b"resident-", b"sealed", b"official", b"topic"):
        assert word not in known
