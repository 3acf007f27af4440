"""How each date came about: GET …/clocks answers for what is running, in figures and as a sentence in each language."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from uuid import UUID

from chinese_calendar import Holiday
from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.deps import Anyone, Services, Serving, caught_up
from api.openapi import READ
from api.pages import petition_row
from api.schemas import PETITION_ID
from domain.calendar import CHINA, ONE_DAY
from domain.clock import Clock
from domain.policy import Policy
from domain.refusals import Invalid, NotFound
from domain.rulebook import RULEBOOK, Rulebook, Rules
from projections import clocks
from projections.clocks import Course

router = APIRouter(prefix="/v1/petitions", tags=["petitions"])

RULES = {
    "signing": "联名",
    "host_opinion": "社区意见",
    "admissibility": "受理审查",
    "acknowledgement": "应约确认",
    "meeting": "召开约谈会",
    "minutes": "确认会议记录",
    "roadmap": "公布路线图",
    "claim": "认领任务",
    "mandate": "指派任务",
    "response": "答复",
    "feedback": "群众评价",
    "commitment": "兑现承诺",
    "review": "复查复核",
    "call_back": "电话回访",
    "task": "完成任务",
    "vacancy": "确定代理领导",
    "urgent": "紧急件首次回应",
    "refiling": "修改后重新提出",
    "appeal": "联名人申诉",
    "appeal_decision": "申诉审定",
}
UNITS = {"working days": "个工作日", "days": "天", "hours": "小时", "minutes": "分钟", "seconds": "秒"}
FREE = {"weekend": "周末", "holiday": "节假日"}
HOLIDAYS = {holiday.chinese: holiday.value for holiday in Holiday}


class Skipped(BaseModel):
    on: date
    why: str = Field(examples=["weekend"], description="`weekend`, `holiday`, or the holiday's Chinese name.")


class Prolonged(BaseModel):
    at: datetime
    days: int


class StoodStill(BaseModel):
    began: datetime
    ended: datetime | None = Field(description="null: it stands still now.")


class Moved(BaseModel):
    before: datetime
    after: datetime
    announcements: list[int] = Field(description="Of holidays: see /v1/holidays. Empty: years came with a policy.")
    reasons: list[str] = Field(examples=[["国务院办公厅关于2027年部分节假日安排的通知"]])


class ClockExplained(BaseModel):
    subject_id: UUID = Field(examples=[PETITION_ID], description="The petition, or one of its tasks or meetings.")
    rule: str = Field(examples=["response"])
    policy: str = Field(examples=["2026-11"], description="The version that it was started under, and is computed by.")
    window: str | None = Field(
        examples=["5 working days"], description="null: an agreed day, or a policy that was not kept."
    )
    started_at: datetime
    first_due_at: datetime = Field(description="As computed at the start.")
    due_at: datetime
    skipped: list[Skipped]
    extensions: list[Prolonged]
    suspensions: list[StoodStill]
    moves: list[Moved] = Field(description="By holidays that were announced while it ran.")
    sentence: str
    sentence_en: str


@router.get("/{petition_id}/clocks", responses=READ, dependencies=[caught_up("board", "timeline")])
async def explain_clocks(petition_id: UUID, services: Serving, identity: Anyone) -> list[ClockExplained]:
    """Every clock that is running, soonest due first: by which rule and policy it was computed, and what moved it."""
    page = await petition_row(services, identity, petition_id)
    running = {(petition_id, clock["rule"]) for clock in page["clocks"]}
    parts = [*page["tasks"], *page["meetings"]]
    running |= {(part["id"], part["clock"]["rule"]) for part in parts if part["clock"]}
    found = [
        course
        for course in await clocks.courses(services.pool, petition_id)
        if (course.subject_id, course.now.rule) in running
    ]
    rules, announced = await services.rules(), await _announced(services)
    explained = [_explained(course, _policy_of(course.first, rules), announced) for course in found]
    return sorted(explained, key=lambda clock: clock.due_at)


async def _announced(services: Services) -> dict[int, str]:
    """Why each announcement of holidays was made, by its number."""
    try:
        announcements = (await services.repository.get(Rulebook, RULEBOOK)).announcements
    except NotFound:
        return {}
    reasons = await services.keyring.open([announcement.reason for announcement in announcements])
    return {announcement.number: reason for announcement, reason in zip(announcements, reasons, strict=True)}


def _moved(before: Clock, after: Clock, announced: Mapping[int, str]) -> Moved:
    new = [number for number in announced if before.calendar_revision < number <= after.calendar_revision]
    reasons = [announced[number] for number in new]
    return Moved(before=before.due_at, after=after.due_at, announcements=new, reasons=reasons)


def _policy_of(clock: Clock, rules: Rules) -> Policy | None:
    """The policy that a clock was computed by: of its version, with the calendar of then, and with the same result."""
    for policy in rules.as_of(clock):
        try:
            if clock.rule not in policy.windows or policy.clock(clock.rule, clock.started_at) == clock:
                return policy
        except Invalid:
            pass  # it did not know the year yet
    return None


def _explained(course: Course, policy: Policy | None, announced: Mapping[int, str]) -> ClockExplained:
    computed = policy.explain(course.first) if policy else {"window": None, "skipped": []}
    found = ClockExplained(
        subject_id=course.subject_id,
        rule=course.first.rule,
        policy=course.first.policy,
        window=computed["window"],
        started_at=course.first.started_at,
        first_due_at=course.first.due_at,
        due_at=course.now.due_at,
        skipped=computed["skipped"],
        extensions=[Prolonged(at=at, days=days) for at, days in course.extensions],
        suspensions=[StoodStill(began=began, ended=ended) for began, ended in course.suspensions],
        moves=[_moved(before, after, announced) for before, after in course.moves],
        sentence="",
        sentence_en="",
    )
    return found.model_copy(update={"sentence": _zh(found, policy), "sentence_en": _en(found, policy)})


def _zh(clock: ClockExplained, policy: Policy | None) -> str:
    name, due = RULES.get(clock.rule, clock.rule), _end_zh(clock.first_due_at)
    if clock.window:
        count, unit = clock.window.split(" ", 1)
        start = _day_zh(_local(clock.started_at)) + "次日" if "days" in unit else _moment_zh(clock.started_at)
        said = f"“{name}”期限自{start}起算{count}{UNITS[unit]}(政策版本 {clock.policy})"
        if clock.skipped:
            said += ",不计" + "、".join(
                f"{_span(first, last, _day_zh, '至')}({FREE.get(why, why)})"
                for first, last, why in _runs(clock.skipped)
            )
        said += f",至{due}届满。"
    elif policy:
        said = f"“{name}”期限为约定日期,至{due}届满。"
    else:
        said = f"“{name}”期限至{due}届满;政策版本 {clock.policy} 未留存,无法列出计算过程。"
    for extension in clock.extensions:
        said += f"{_day_zh(_local(extension.at))}延长{extension.days}天。"
    for suspension in clock.suspensions:
        began = _day_zh(_local(suspension.began))
        if suspension.ended:
            said += f"{began}至{_day_zh(_local(suspension.ended))}中止,期限顺延。"
        else:
            said += f"{began}起中止,期限暂停计算。"
    for move in clock.moves:
        why = "、".join(f"第{n}号公告({text})" for n, text in zip(move.announcements, move.reasons, strict=True))
        said += f"因放假调休{why},由{_end_zh(move.before)}改为{_end_zh(move.after)}届满。"
    return said if clock.due_at == clock.first_due_at else f"{said}现至{_end_zh(clock.due_at)}届满。"


def _en(clock: ClockExplained, policy: Policy | None) -> str:
    name, due = f"The clock “{clock.rule}”", _end_en(clock.first_due_at)
    if clock.window:
        whole_days = "days" in clock.window
        start = f"the day after {_day_en(_local(clock.started_at))}" if whole_days else _moment_en(clock.started_at)
        said = f"{name} runs {clock.window} from {start} (policy {clock.policy})"
        if clock.skipped:
            said += ", not counting " + ", ".join(
                f"{_span(first, last, _day_en, ' to ')} ({HOLIDAYS.get(why, why)})"
                for first, last, why in _runs(clock.skipped)
            )
        said += f": until {due}."
    elif policy:
        said = f"{name} runs to an agreed day: until {due}."
    else:
        said = f"{name} runs until {due}. Policy {clock.policy} was not kept, so how it was computed cannot be shown."
    for extension in clock.extensions:
        said += f" Extended by {extension.days} days on {_day_en(_local(extension.at))}."
    for suspension in clock.suspensions:
        began = _day_en(_local(suspension.began))
        if suspension.ended:
            said += f" Stood still from {began} to {_day_en(_local(suspension.ended))}, and moved by that time."
        else:
            said += f" Stands still since {began}."
    for move in clock.moves:
        why = ", ".join(f"no. {n} ({text})" for n, text in zip(move.announcements, move.reasons, strict=True))
        said += (
            f" Moved by announced holidays{why and ' ' + why}: from {_end_en(move.before)} to {_end_en(move.after)}."
        )
    return said if clock.due_at == clock.first_due_at else f"{said} Now until {_end_en(clock.due_at)}."


# Days and moments, in Chinese time.


def _local(at: datetime) -> datetime:
    return at.astimezone(CHINA)


def _day_zh(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _day_en(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _moment_zh(at: datetime) -> str:
    return f"{_day_zh(_local(at))}{_local(at):%H:%M:%S}"


def _moment_en(at: datetime) -> str:
    return f"{_day_en(_local(at))}, {_local(at):%H:%M:%S}"


def _is_midnight(at: datetime) -> bool:
    return _local(at).time() == time()


def _end_zh(due_at: datetime) -> str:
    return f"{_day_zh(_local(due_at) - ONE_DAY)}24时" if _is_midnight(due_at) else _moment_zh(due_at)


def _end_en(due_at: datetime) -> str:
    return f"the end of {_day_en(_local(due_at) - ONE_DAY)}" if _is_midnight(due_at) else _moment_en(due_at)


def _runs(skipped: Sequence[Skipped]) -> list[tuple[date, date, str]]:
    """Days that follow one another for the same reason, together."""
    runs: list[tuple[date, date, str]] = []
    for day in skipped:
        if runs and runs[-1][1] + ONE_DAY == day.on and runs[-1][2] == day.why:
            runs[-1] = (runs[-1][0], day.on, day.why)
        else:
            runs.append((day.on, day.on, day.why))
    return runs


def _span(first: date, last: date, written: Callable[[date], str], to: str) -> str:
    return written(first) if first == last else f"{written(first)}{to}{written(last)}"
