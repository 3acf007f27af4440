"""Refusals name things in Chinese to those who read Chinese."""

from enum import StrEnum

import pytest

from domain import intake, meeting, reply, task
from domain.calendar import beijing
from domain.command import Role
from domain.petition.words import Phase
from domain.refusals import not_found
from domain.wording import ZH
from tests.domain.story import MONDAY


@pytest.mark.parametrize("codes", [Role, Phase, intake.Status, meeting.Status, reply.Status, task.Status])
def test_each_code_has_a_name(codes: type[StrEnum]) -> None:
    assert not [code for code in codes if ZH.get(code, "").isascii()]


def test_refusals_say_it_in_chinese() -> None:
    assert not_found("petition").zh == "没有找到此申请,请核对编号。"
    assert beijing(MONDAY) == "2026-03-02 09:00(北京时间)"
