"""The words of the pages: Chinese as written in the templates, English from ``locale/en.po``."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from datetime import datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.clocks import RULES
from domain.calendar import A_MOMENT, CHINA
from domain.petition.words import Category
from domain.wording import ZH

HERE = Path(__file__).parent

with (HERE / "locale" / "en.po").open("rb") as file:
    ENGLISH = {str(message.id): str(message.string) for message in read_po(file) if message.id and message.string}


def english(text: str) -> str:
    return ENGLISH.get(text, text)


def chinese(text: str) -> str:
    return text


def words_in(language: str) -> Callable[[str], str]:
    return english if language == "en" else chinese


def _environment(language: str) -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = words_in(language)
    found.globals |= {"_": words, "language": language, "rate": rate}
    found.filters |= {
        "moment": moment,
        "local": local,
        "day": day,
        "stamp": stamp,
        "date": date,
        "said": said_in(language),
    }
    found.filters |= {
        "until": lambda due_at, now: last_day(due_at, language, now),
        "days_left": days_left,
        "kept": lambda query: urlencode({name: value for name, value in query.items() if value}),
        "coded": lambda code, what: words(CODES[what][code]),
        "ruled": lambda rule: words(RULES.get(rule, "下一步")),
        "named": lambda code: words(ZH[code]),
        "told": lambda topic: words(HAPPENED.get(topic, "有新进展")),
    }
    return found


def rate(share: float | None) -> str:
    """A share as a percentage; a dash where nothing is to be divided."""
    return "—" if share is None else f"{share:.0%}"


def here(at: str | datetime) -> datetime:
    """By the clocks of the district."""
    return (datetime.fromisoformat(at) if isinstance(at, str) else at).astimezone(CHINA)


def moment(at: str | datetime) -> str:
    return f"{here(at):%Y-%m-%d %H:%M}"


def local(at: str | datetime) -> str:
    """As a field for a time takes it."""
    return f"{here(at):%Y-%m-%dT%H:%M:%S}"


def instant(local: str) -> str:
    """Of a time in China, to its second's end, or of a day, to its end; the API says of anything else what is wrong."""
    try:
        at = datetime.fromisoformat(local if len(local) > len("2026-11-23") else f"{local}T23:59:59")
        return (at if at.tzinfo else at.replace(tzinfo=CHINA, microsecond=999_999)).astimezone(dt.UTC).isoformat()
    except (ValueError, OverflowError):
        return local


def date(at: str | datetime) -> dt.date:
    """The day it is here then."""
    return here(at).date()


def day(at: str | datetime) -> str:
    return moment(at)[:10]


def last_day(due_at: str | datetime, language: str, now: datetime) -> str:
    """The day that a clock runs out with, and the hour where it does so in between; the year, if it is not this one."""
    local = here(due_at)
    hour = "" if local.time() == time() else f" {local:%H:%M}"
    on = local - A_MOMENT
    other_year = on.year != here(now).year
    if language == "en":
        return f"{on.day} {on:%B}{f' {on.year}' if other_year else ''}{hour}"
    return f"{f'{on.year}年' if other_year else ''}{on.month}月{on.day}日{hour}"


def days_left(due_at: str, now: datetime) -> int | None:
    """Until the last day of a clock, today being 0; negative once it has run out, None where it did so today."""
    at = here(due_at)
    days = (date(at - A_MOMENT) - date(now)).days
    return None if days == 0 and at <= now else days


def stamp(at: str | datetime) -> str:
    """For machines that read a page: HTML allows no more than milliseconds."""
    return re.sub(r"(\.\d{3})\d+", r"\1", str(at))


def said_in(language: str) -> Any:
    """Of what the API says in both languages, the one that is read."""
    return lambda told, name: told.get(f"{name}_en") or told.get(name) if language == "en" else told.get(name)


# Codes that mean something else elsewhere (``ZH``), by what they are codes of.
CODES: Mapping[str, Mapping[Any, str]] = {
    "outcome": {
        "done": "已落实",
        "planned": "列入计划",
        "explained": "解释说明",
        "delivered": "承诺已兑现",
        "resolved": "多数评价认为已解决",
        "unresolved": "多数评价认为未解决",
        "not_judged": "无人评价",
    },
    "level": {1: "复查", 2: "复核"},
    "result": {"upheld": "维持答复", "changed": "变更答复", "returned": "退回重新办理"},
    "rule": RULES,
    "category": {code: ZH[code] for code in Category},
    "question": {
        "withdrawal": "撤回申请",
        "merging": "并入另一件申请",
        "replacement": "更换发起人",
        "representatives": "推选群众代表",
    },
    "voted": {"passed": "通过", "failed": "未通过", "void": "作废"},
    "found": {
        "identity_number": "身份证号",
        "account_number": "账号",
        "phone_number": "电话号码",
        "email": "电子邮箱",
        "number_plate": "车牌号",
        "house_number": "门牌号",
        "name": "姓名或称呼",
    },
    "basis": {"lives": "居住", "owns": "产权", "works": "工作", "cooperative_member": "社员"},
    "means": {"paper": "纸质签名", "doorstep": "上门登记", "phone": "电话登记"},
    "waits": {"verification": "待核实", "rejection": "不实认定待第二人确认", "appeal": "申诉待裁定"},
    "doubt": {
        "proposed": "不实认定待第二人确认",
        "contested": "已认定不实,本人可申诉",
        "appealed": "本人已申诉,待裁定",
        "upheld": "申诉成立,登记有效",
        "final": "登记不实",
    },
    "act": {
        "read": "查看",
        "found by name": "按姓名查到",
        "exported": "导出",
        "registered": "登记",
        "imported": "导入",
        "verified": "核实",
        "self": "本人登记",
        "log": "审计查阅记录",
        "rejection read": "查看不实认定",
        "rejection proposed": "提出不实认定",
        "rejection dropped": "撤销不实认定",
        "rejection confirmed": "确认不实",
        "rejection decided": "裁定申诉",
        "erasure requested": "申请删除",
        "erasure confirmed": "确认删除",
        "held": "保留备查",
        "released": "解除保留",
    },
    "post": {
        "party_committee": "区委",
        "peoples_congress": "区人大",
        "government": "区政府",
        "consultative_conference": "区政协",
        "unit_principal": "区管单位党政正职",
    },
}

HAPPENED = {
    "petition.Opened": "发起人设立题目,开始联名",
    "petition.ThresholdReached": "联名达到人数",
    "petition.HostOpinionGiven": "社区出具意见",
    "petition.Submitted": "提交申请",
    "petition.PublicTextIssued": "发布公开文本",
    "petition.Accepted": "予以受理",
    "petition.Rejected": "不予受理",
    "petition.Referred": "转送其他途径",
    "petition.Merged": "并入同类申请",
    "petition.Called": "通知应约领导",
    "petition.CallAcknowledged": "应约领导签收",
    "petition.MeetingHeld": "约谈会议召开",
    "petition.RoadmapPublished": "公布时间表、路线图",
    "petition.RoadmapRevised": "调整路线图",
    "petition.InterimResponseGiven": "作出阶段性答复",
    "petition.Answered": "作出答复意见",
    "petition.FeedbackInvited": "邀请联名人评价",
    "petition.Reopened": "转入二次办理",
    "petition.Extended": "延长答复期限",
    "petition.Suspended": "中止办理",
    "petition.Resumed": "恢复办理",
    "petition.Reminded": "催办",
    "petition.Escalated": "逾期提级",
    "petition.SupervisionOrdered": "发出督办通知",
    "petition.Closed": "办结",
    "petition.Lapsed": "逾期未满人数,失效",
    "petition.Withdrawn": "撤回",
    "meeting.Scheduled": "约定会议时间",
    "meeting.Rescheduled": "会议改期",
    "meeting.Cancelled": "会议取消",
    "meeting.Held": "会议召开",
    "task.Offered": "交办任务",
    "task.Claimed": "单位认领任务",
    "task.Objected": "单位提出异议",
    "task.Mandated": "指派任务",
    "task.Transferred": "任务转交",
    "task.ProgressReported": "报告进度",
    "task.Completed": "任务办结待核实",
    "task.Returned": "退回重办",
    "task.Confirmed": "核实销号",
    "task.Dropped": "任务撤销",
    "petition.MarkedUrgent": "标为紧急",
    "petition.UrgencyLifted": "解除紧急",
    "petition.DelegateNamed": "应约领导委托同级领导出席",
    "petition.CallReassigned": "调整应约领导",
    "petition.MeetingWaived": "群众代表同意免开会议",
    "petition.CommitmentMade": "作出挂账承诺",
    "petition.TrackingBegun": "转入挂账跟踪",
    "petition.CommitmentDelivered": "承诺事项办结",
    "petition.CommitmentMissed": "承诺事项逾期",
    "petition.ReviewRequested": "申请复查复核",
    "petition.ReviewDecided": "复查复核作出决定",
    "extension.Asked": "申请延期",
    "extension.AskedAgain": "再次申请延期",
    "extension.Approved": "批准延期",
    "extension.Refused": "不予延期",
    "petition.ClocksMoved": "因节假日调整期限",
    "petition.SupervisionAnswered": "督办已回复",
    "petition.SupervisionLifted": "解除督办",
    "meeting.NoShowRecorded": "应约领导未到会",
    "meeting.MinutesDrafted": "形成会议记录草稿",
    "meeting.MinutesConfirmed": "确认会议记录",
    "meeting.MinutesLeftUnconfirmed": "会议记录逾期未确认",
    "task.ObjectedAgain": "再次提出异议",
    "task.HandedBack": "无人认领,退回牵头领导",
    "task.TermsSet": "确定经费与表决要求",
    "task.VoteRecorded": "登记业主表决",
    "task.Replanned": "调整任务",
    "task.Suspended": "任务中止",
    "task.Resumed": "任务恢复",
    "task.ClocksMoved": "因节假日调整期限",
    "meeting.ClocksMoved": "因节假日调整期限",
    "petition.CallBackBegun": "开始电话回访",
    "petition.SplitProposed": "建议拆分",
    "petition.Split": "拆分为两件",
    "petition.SplitFrom": "由另一件拆分而来",
    "petition.Refiled": "修改后重新提出",
    "petition.RefilingClosed": "修改期限已过",
    "petition.ReferralReceived": "受转送单位签收",
    "petition.RepresentativesElected": "选出群众代表",
    "petition.RepresentativeResigned": "群众代表辞任",
    "petition.BallotCalled": "发起无记名表决",
    "petition.BallotConcluded": "表决结束",
    "petition.LeadReplaced": "更换发起人",
    "petition.MeetingArranged": "安排会议",
    "proposal.Made": "征求群众代表意见",
    "proposal.Voiced": "群众代表表态",
    "proposal.Decided": "群众代表已有结论",
    "meeting.Invited": "邀请参会单位",
    "meeting.ObjectionFiled": "其他居民提出异议",
    "meeting.AgendaItemAdded": "增加议题",
    "meeting.BriefReleased": "生成会前简报",
    "meeting.AttendanceCounted": "登记到会人数",
    "meeting.CorrectionOffered": "对记录提出更正",
    "task.EvidenceAttached": "提交佐证",
    "host.Registered": "登记社区(合作社)",
    "host.Changed": "社区(合作社)更名",
    "post.Registered": "登记职务",
    "post.Changed": "职务更名",
    "post.Placed": "确定职务的上级",
    "post.PutInCharge": "确定职务分管的单位",
    "post.TermStarted": "任期开始",
    "post.TermEnded": "任期结束",
    "post.FellVacant": "职务空缺",
    "post.ActingNamed": "确定代理领导",
    "post.ClocksMoved": "因节假日调整期限",
    "unit.Registered": "登记单位",
    "unit.Changed": "单位更名",
    "unit.Placed": "确定单位的上级",
    "appointment.Granted": "授予角色",
    "appointment.GrantedAgain": "再次授予角色",
    "appointment.Revoked": "撤销角色",
    "rulebook.Founded": "建立规则库",
    "rulebook.PolicyIssued": "发布政策版本",
    "rulebook.HolidaysAnnounced": "公布放假调休",
    "webhook.Subscribed": "登记推送地址",
    "webhook.SecretRotated": "更换推送密钥",
    "webhook.Paused": "推送暂停",
    "webhook.Resumed": "推送恢复",
    "webhook.Replayed": "重新推送",
    "webhook.Cancelled": "取消推送",
}

ENVIRONMENTS = {language: _environment(language) for language in ("zh", "en")}


def know(**values: Any) -> None:
    """On every page."""
    for environment in ENVIRONMENTS.values():
        environment.globals |= values


def render(template: str, language: str, **values: Any) -> str:
    return ENVIRONMENTS[language].get_template(template).render(**values)
