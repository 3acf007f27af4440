"""What happens next with a petition, by whom and by when: one plain sentence for each date that is set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.console.words import last_day, moment, words_in

BY_RULE = {
    "signing": "居民继续联名:最迟{date}满{threshold}人,由{host}提交。",
    "host_opinion": "{host}最迟{date}出具意见;到期未出具的,自动提交。",
    "admissibility": "受理人员最迟{date}决定是否受理。",
    "acknowledgement": "{post}最迟{date}签收。",
    "meeting": "{host}和{post}最迟{date}召开约谈会议。",
    "minutes": "{post}和群众代表最迟{date}核对、确认会议记录。",
    "roadmap": "{post}最迟{date}公布时间表、路线图。",
    "claim": "{unit}最迟{date}认领“{task}”,或提出异议。",
    "mandate": "最迟{date}为“{task}”指定承办单位。",
    "task": "{unit}最迟{date}完成“{task}”。",
    "response": "{post}最迟{date}作出答复意见。",
    "feedback": "联名居民最迟{date}评价办理结果。",
    "commitment": "{post}最迟{date}兑现承诺。",
    "review": "上级单位最迟{date}作出复查、复核决定。",
    "call_back": "工作人员最迟{date}电话回访同意回访的联名居民。",
    "urgent": "紧急事项:最迟{date}作出首次回应。",
    "refiling": "发起人最迟{date}可修改后重新提出。",
}
OTHERWISE = "最迟{date}有下一步。"
MEETING = "{host}和{post}于{date}召开约谈会议。"
STANDS_STILL = "办理已中止,各项期限暂停计算,恢复办理后顺延。"
BY_PHASE = {
    "collecting": "联名已达人数,等待提交。",
    "submitted": "等待受理人员决定。",
    "accepted": "等待应约领导签收。",
    "meeting": "等待召开约谈会议。",
    "roadmap": "等待公布时间表、路线图。",
    "in_progress": "各单位正在办理,完成后由应约领导答复。",
    "answered": "答复已作出,接着邀请联名居民评价。",
    "feedback": "联名居民正在评价。",
    "tracking": "承诺事项挂账跟踪。",
    "closed": "已办结,没有下一步。",
    "lapsed": "期限内联名未满人数,已失效。可以重新发起。",
    "withdrawn": "已由发起人或联名居民撤回。",
    "rejected": "未予受理。",
    "referred": "已转送其他途径办理。",
    "merged": "已并入另一件申请,请看那一件的进展。",
}


@dataclass(frozen=True)
class Step:
    """``due_at``: None where no date is set. ``clock``: how the date came about, where it was computed."""

    text: str
    due_at: datetime | None = None
    overdue: bool = False
    clock: Mapping[str, Any] | None = None


def ahead(
    petition: Mapping[str, Any],
    clocks: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    language: str,
    now: datetime,
) -> list[Step]:
    """Soonest first; never empty."""
    words, tasks = words_in(language), {task["id"]: task for task in petition["tasks"]}
    if petition["suspended"]:
        return [Step(words(STANDS_STILL))]
    known = {
        "host": names.get(petition["host_id"], ""),
        "post": names.get(petition["called_post_ids"][0], ""),
        "threshold": petition["threshold"],
    }
    found = []
    arranged = [
        datetime.fromisoformat(meeting["starts_at"])
        for meeting in petition["meetings"]
        if meeting["status"] == "scheduled"
    ]
    for at in arranged:
        text = words(MEETING).format(**known, date=moment(at))
        found.append(Step(text, at, at < now))
    for clock in clocks:
        if (clock["rule"] == "meeting" and arranged) or (clock["rule"] == "minutes" and petition["phase"] == "closed"):
            continue
        due_at, task = datetime.fromisoformat(clock["due_at"]), tasks.get(clock["subject_id"])
        about = {"task": task["title"], "unit": names.get(task["lead_unit_id"], "")} if task else {}
        if task and task["transfer_to"]:
            about["unit"] = names.get(task["transfer_to"], "")
        sentence = words(BY_RULE.get(clock["rule"], OTHERWISE))
        text = sentence.format(**known, **about, date=last_day(due_at, language, now))
        found.append(Step(text, due_at, due_at <= now, clock))
    found.sort(key=lambda step: step.due_at or now)
    return found or [Step(words(BY_PHASE[petition["phase"]]))]
