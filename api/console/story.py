"""A petition's history in sentences: not only that a task was claimed, but which unit claimed which task."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from api.console.words import CODES, HAPPENED, day, moment, words_in

# An event that has none here, or lacks a name that its sentence wants, is told as in ``HAPPENED``.
SENTENCES = {
    "petition.Opened": "发起人设立题目,向{host}的居民征集联名",
    "petition.ThresholdReached": "联名达到{threshold}人",
    "petition.HostOpinionGiven": "{host}出具意见",
    "petition.Called": "通知{posts}应约",
    "petition.CallAcknowledged": "{post}签收",
    "petition.DelegateNamed": "{post}委托{delegate}出席会议",
    "petition.CallReassigned": "应约领导由{origin}调整为{to}",
    "petition.RoadmapRevised": "调整路线图,现为第{version}版",
    "petition.Answered": "作出答复意见:{outcome}",
    "petition.CommitmentMade": "承诺最迟{due_on}兑现",
    "petition.FeedbackInvited": "邀请{invited}位联名居民评价",
    "petition.Reopened": "转入第{round}轮办理",
    "petition.Extended": "答复期限延长{days}天",
    "extension.Asked": "申请将答复期限延长{days}天",
    "petition.ReviewRequested": "联名居民申请{level}",
    "petition.ReviewDecided": "{level}决定:{result}",
    "petition.Reminded": "催办:{rule}",
    "petition.Escalated": "逾期提级:{rule}",
    "petition.Closed": "办结:{outcome}",
    "meeting.Scheduled": "约定会议时间:{starts_at}",
    "meeting.Rescheduled": "会议改期至{starts_at}",
    "meeting.NoShowRecorded": "{post}未到会",
    "task.Offered": "“{task}”交{unit}主办,期限{due_on}",
    "task.Claimed": "{unit}认领“{task}”",
    "task.Transferred": "{unit}请{to}接办“{task}”",
    "task.Objected": "{unit}对“{task}”提出异议",
    "task.ObjectedAgain": "{unit}对“{task}”再次提出异议,由{superior}裁定",
    "task.HandedBack": "“{task}”无人认领,退回牵头领导",
    "task.Mandated": "“{task}”指派给{unit}",
    "task.ProgressReported": "{unit}报告“{task}”已完成{percent}%",
    "task.VoteRecorded": "业主表决“{task}”:同意{in_favour}户,反对{against}户,共{entitled}户",
    "task.Completed": "{unit}报告“{task}”办结,待核实",
    "task.Returned": "“{task}”退回{unit}重办",
    "task.Confirmed": "“{task}”经核实销号",
    "task.Dropped": "“{task}”撤销",
    "task.Replanned": "“{task}”期限调整为{due_on}",
    "task.EvidenceAttached": "{unit}为“{task}”提交佐证",
}
SAID_TWICE = {"petition.MeetingHeld", "petition.MeetingArranged"}  # the meeting's own events say it
ORGANISATIONS = {
    "post_id": "post",
    "delegate_id": "delegate",
    "from_id": "origin",
    "to_id": "to",
    "unit_id": "to",
    "superior_id": "superior",
}
# What becomes of a task's lead unit.
LEADS = {"task.Offered", "task.Mandated", "task.ObjectedAgain"}


@dataclass(frozen=True)
class Told:
    position: int
    at: str
    kind: str
    subject: str
    text: str


@dataclass
class Story:
    """Oldest first. ``offered``: when each task was, by its id."""

    told: list[Told] = field(default_factory=list)
    offered: dict[str, str] = field(default_factory=dict)


def ids(history: Iterable[Mapping[str, Any]]) -> set[str]:
    """Of all organisations that are named in it."""
    found: set[str] = set()
    for data in (entry["data"] for entry in history):
        found |= {data[name] for name in (*ORGANISATIONS, "lead_unit_id", "host_id") if data.get(name)}
        found |= {*data.get("post_ids", ()), *data.get("called_post_ids", ())}
    return found


def story(
    history: Iterable[Mapping[str, Any]], petition: Mapping[str, Any], names: Mapping[str, str], language: str
) -> Story:
    words, found = words_in(language), Story()
    tasks = {task["id"]: task for task in petition["tasks"]}
    leads: dict[str, str] = {}
    asked: dict[str, str] = {}
    for entry in history:
        kind, data, subject = entry["type"], entry["data"], entry["subject_id"]
        if kind in LEADS:
            leads[subject] = data["lead_unit_id"]
        elif kind == "task.Transferred":
            asked[subject] = data["unit_id"]
        elif kind == "task.Claimed":
            leads[subject] = asked.pop(subject, leads.get(subject, ""))
        if kind == "task.Offered":
            found.offered[subject] = entry["at"]
        if kind in SAID_TWICE:
            continue
        known = {
            "host": names.get(petition["host_id"]),
            "threshold": petition["threshold"],
            "posts": "、".join(names.get(id, "") for id in data.get("post_ids", ())) or None,
            "unit": names.get(leads.get(subject, "")),
            "task": subject in tasks and tasks[subject]["title"],
            **{name: value for name, value in data.items() if isinstance(value, int | str)},
            **{to: names.get(data[name]) for name, to in ORGANISATIONS.items() if data.get(name)},
            **{name: words(named[data[name]]) for name, named in CODES.items() if data.get(name) in named},
        }
        if "starts_at" in data:
            known["starts_at"] = moment(data["starts_at"])
        found.told.append(Told(entry["position"], entry["at"], kind, subject, _sentence(kind, known, words)))
    return found


def _sentence(kind: str, known: Mapping[str, Any], words: Any) -> str:
    try:
        return str(words(SENTENCES[kind]).format_map(_Known(known)))
    except KeyError:
        return str(words(HAPPENED.get(kind, "有新进展")))


class _Known(dict[str, Any]):
    """A name that is not known (any more) is as good as none."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if value in (None, False, ""):
            raise KeyError(name)
        return value


def by_day(told: Sequence[Told]) -> list[tuple[str, list[Told]]]:
    """Newest first. Of progress that a task makes in a day, step after step, the last is told."""
    kept = [
        entry for before, entry in zip([None, *told], told, strict=False) if not (before and _overtaken(entry, before))
    ]
    return [(on, list(entries)) for on, entries in groupby(kept, key=lambda entry: day(entry.at))]


def _overtaken(entry: Told, by: Told) -> bool:
    same = (entry.kind, entry.subject, day(entry.at)) == (by.kind, by.subject, day(by.at))
    return same and entry.kind == "task.ProgressReported"
