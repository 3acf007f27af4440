"""The bodies that the API takes, and the answers of commands. What pages show stands with the routes that show it."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from domain.ballot import SEATS, Ballot, Question, Result
from domain.clock import Clock
from domain.command import seen_version
from domain.directory import Host, HostKind, Post, PostKind, Unit, UnitKind
from domain.meeting import Capacity, Meeting
from domain.petition import Petition
from domain.petition.words import Answer, Category, RejectionReason, Resolved, ReviewResult, StatutoryRoute
from domain.proposal import Proposal
from domain.reply import Reply
from domain.task import Stage, Task
from domain.webhook import Audience, PausedBecause
from projections.webhooks import TYPES

# Values


def wrong(code: str, zh: str, en: str) -> PydanticCustomError:
    return PydanticCustomError(code, en, {"zh": zh})


def readable(text: str) -> str:
    """What PostgreSQL, JSON and people can read."""
    if "\0" in text:
        raise wrong("nul", "文字中不能含有空字符(NUL)。", "A text must not contain NUL characters.")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise wrong("surrogate", "文字编码不完整。", "A text must not contain lone surrogates.")
    if not any(char.isprintable() and not char.isspace() for char in text):
        raise wrong("blank", "请填写内容。", "Please write something.")
    return text


def unique(ids: list[UUID]) -> list[UUID]:
    if len(set(ids)) < len(ids):
        raise wrong("duplicate", "不能重复。", "Each may be named once.")
    return ids


RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def moment(value: Any) -> datetime:
    """RFC 3339 with its offset, as UTC."""
    try:
        if not isinstance(value, str) or not RFC_3339.fullmatch(value):
            raise ValueError
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.upper())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong(
            "time",
            "时间格式应如 2026-12-01T09:30:00Z(须含时区)。",
            "A time is written like 2026-12-01T09:30:00Z, with its offset.",
        ) from None


def day(value: Any) -> date:
    try:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise wrong("date", "日期格式应如 2026-12-31。", "A date is written like 2026-12-31.") from None


Readable = Annotated[str, StringConstraints(strict=True), AfterValidator(readable)]
Short = Annotated[Readable, Field(max_length=200)]
Words = Annotated[Readable, Field(max_length=4_000)]
Long = Annotated[Readable, Field(max_length=10_000)]
Moment = Annotated[datetime, BeforeValidator(moment, json_schema_input_type=datetime)]
Day = Annotated[date, BeforeValidator(day, json_schema_input_type=date)]
Ids = Annotated[list[UUID], AfterValidator(unique)]

# Examples: the real topics of Jiangdong, as the accounts tell them.
HOST_ID = "0b7f6c1e-5d0a-5a52-9f43-1f3d9c0a7e01"  # 划船社区
POST_ID = "3c1d8a74-62e5-5b0f-8d1c-7a9be04c2f02"  # 区委书记
UNIT_ID = "9a4e2b60-17cf-5c3d-b7a8-52d06f1e8c03"  # 区住建局
PETITION_ID = "5f0e9d2c-84b1-5e67-a3d9-c6b07f4a1d04"
TASK_ID = "d2a86e15-3b9f-5f74-8c20-e19f5b3d7a05"
PROPOSAL_ID = "a3d17c52-4e8b-5f06-b9c4-2e7f1d6a8b09"
MEETING_ID = "e7c35b08-9f16-5a8d-94e1-0d6f2a8b4c06"
BALLOT_ID = "8d7e1c52-93b4-5c0e-b1a6-4f2e9d8c7a10"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of a piece of evidence
REPLY_ID = "2c05e8a1-3d7b-5f49-b8e2-904c6c1d0e08"
WEBHOOK_ID = "1b94d7f0-2c6a-5e38-a7d1-8f3e5b0c9d07"


def example(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [values]})


def shown(**values: Any) -> ConfigDict:
    """The example of an answer."""
    return ConfigDict(json_schema_extra={"examples": [values]})


CLOCK = {
    "rule": "host_opinion",
    "started_at": "2026-11-23T01:00:00Z",
    "due_at": "2026-11-30T16:00:00Z",
    "policy": "2026-11",
}


# Bodies


class Nothing(BaseModel):
    """A command that says everything by its address takes an empty object, or no body."""

    model_config = example()


class NewPetition(BaseModel):
    model_config = example(
        topic="小区低洼地排涝改造",
        details="每逢暴雨,低洼处积水,车辆和行人无法通行。",
        category="grievance",
        host_id=HOST_ID,
        called_post_ids=[POST_ID],
    )
    topic: Short
    details: Long
    category: Category
    host_id: UUID
    called_post_ids: Annotated[Ids, Field(min_length=1, max_length=3, description="The first takes the lead.")]
    about_ids: Annotated[
        Ids, Field(max_length=5, description="Of conduct: the host, posts or units it is about. They never see it.")
    ] = []


class HostOpinion(BaseModel):
    model_config = example(opinion="情况属实,社区愿协助召集。")
    opinion: Words


class Rejection(BaseModel):
    model_config = example(reason_code="statutory_route", explanation="此纠纷已由法院受理。", route="court")
    reason_code: RejectionReason
    explanation: Words
    route: StatutoryRoute | None = Field(None, description="With `statutory_route`, which.")
    duplicate_of: UUID | None = Field(None, description="With `duplicate`, the other petition.")


class Split(BaseModel):
    """What stays in the petition, and what becomes another."""

    model_config = example(
        topic="小区低洼地排涝改造",
        details="每逢暴雨,低洼处积水。",
        other_topic="楼道路灯维修",
        other_details="三个楼道的路灯长期不亮。",
        other_category="grievance",
    )
    topic: Short
    details: Long
    other_topic: Short
    other_details: Long
    other_category: Category


class Refiling(BaseModel):
    model_config = example(topic="划船社区停车位重新划线", details="请在现有路面重新划线,不涉及规划。")
    topic: Short
    details: Long


class Referral(BaseModel):
    """To an authority by name, or to a unit of the directory."""

    model_config = example(to="市自然资源和规划局", explanation="停车位属市级规划,已转该局依法办理。")
    to: Short | None = None
    unit_id: UUID | None = None
    explanation: Words


class ReferralReceipt(BaseModel):
    model_config = example(number="甬资规收〔2026〕118号", received_by="市资规局信访处", received_on="2026-12-02")
    number: Short
    received_by: Short
    received_on: Day


class CaseNumber(BaseModel):
    """A case of another system, such as the 12345 hotline."""

    model_config = example(system="12345", number="NB2026112200017")
    system: Annotated[Short, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    number: Annotated[Short, Field(max_length=80)]


class Merger(BaseModel):
    model_config = example(into=PETITION_ID)
    into: UUID


class NewBallot(BaseModel):
    model_config = example(question="representatives")
    question: Literal["withdrawal", "replacement", "representatives"] = Field(
        description="Whether the whole petition is withdrawn; who becomes lead petitioner instead; who speaks for the"
        " co-signers. Merging has an address of its own, the petition's `/merge`."
    )


class Candidacy(BaseModel):
    model_config = example(name="三幢陈阿姨", consent=True)
    name: Short = Field(description="By which you wish to be known.")
    consent: Literal[True] = Field(
        description="You agree that the co-signers read this name, and that host, called posts and clerk do if you are"
        " elected a representative."
    )


class Vote(BaseModel):
    model_config = example(choices=["yes"])
    choices: list[str] = Field(
        max_length=1_000, description="`yes` or `no`; in an election the numbers of all candidates you approve of."
    )


class PublicText(BaseModel):
    model_config = example(topic="小区低洼地排涝改造", details="居民反映小区低洼处雨后积水,请求改造排水。")
    topic: Short
    details: Long


class NewMeeting(BaseModel):
    model_config = example(starts_at="2026-12-01T01:30:00Z", venue="划船社区议事厅")
    starts_at: Moment
    venue: Short


class Delegation(BaseModel):
    model_config = example(delegate_id=POST_ID)
    delegate_id: UUID = Field(description="Another post of the same rank.")


class Invitation(BaseModel):
    model_config = example(unit_id=UNIT_ID)
    unit_id: UUID


class ResidentObjection(BaseModel):
    model_config = example(text="排涝泵站紧邻我家窗户,请另选位置。")
    text: Words


class AgendaEntry(BaseModel):
    """Either a text of one's own or a resident's objection."""

    model_config = example(text="水泵何时安装,谁来养护?")
    text: Words | None = None
    objection_id: UUID | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "AgendaEntry":
        if (self.text is None) == (self.objection_id is None):
            raise wrong("agenda", "请填写 text 或 objection_id 之一。", "Give either a text or an objection_id.")
        return self


Head = Annotated[StrictInt, Field(ge=0, le=10_000)]


class Attendance(BaseModel):
    model_config = example(post_ids=[POST_ID], representatives=3, residents=21)
    """Either the token that somebody shows, or how many came without one."""

    token: Annotated[Readable, Field(max_length=200)] | None = None
    post_ids: Annotated[Ids, Field(max_length=6)] = []
    representatives: Head = 0
    residents: Head = 0

    @model_validator(mode="after")
    def _one_of_them(self) -> "Attendance":
        if self.token and (self.post_ids or self.representatives or self.residents):
            raise wrong("attendance", "请填写签到码或人数之一。", "Give either a token or numbers.")
        return self


class Reassignment(BaseModel):
    model_config = example(post_id=POST_ID, to_post_id=HOST_ID, reason="此事由分管副区长负责。")
    post_id: UUID
    to_post_id: UUID
    reason: Words


class Voice(BaseModel):
    model_config = example(agrees=True)
    agrees: StrictBool


class NoShow(BaseModel):
    model_config = example(post_id=POST_ID)
    post_id: UUID


class Correction(BaseModel):
    model_config = example(text="当场承诺的是两台水泵,不是一台。")
    text: Words


class CommitmentRow(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    what: Short
    unit_id: UUID
    due_on: Day


class Rescheduling(BaseModel):
    model_config = example(starts_at="2026-12-03T01:30:00Z", venue="划船社区议事厅", reason="台风,改期。")
    starts_at: Moment
    venue: Short
    reason: Words


class Reason(BaseModel):
    model_config = example(reason="等待上级批复。")
    reason: Words


class Minutes(BaseModel):
    model_config = example(
        minutes="区委书记当场答复:年内完成排涝改造,区住建局主办。",
        commitments=[{"what": "加装水泵两台", "unit_id": UNIT_ID, "due_on": "2026-12-20"}],
    )
    minutes: Words
    commitments: Annotated[list[CommitmentRow], Field(max_length=50)] = []


class RoadmapRow(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    task_id: UUID | None = Field(None, description="In a revision: the task that goes on. null: a new one.")
    title: Short
    lead_unit_id: UUID
    supporting_unit_ids: Annotated[Ids, Field(max_length=20)] = []
    due_on: Day
    cost_fen: Annotated[StrictInt, Field(ge=0, le=10**14, description="In hundredths of a yuan.")] | None = None
    money_source: Words | None = Field(default=None, description="Who pays.")
    vote_needed: StrictBool = Field(default=False, description="The owners must agree before it can be completed.")


class Roadmap(BaseModel):
    model_config = example(
        tasks=[
            {
                "title": "铺设排水管并加装水泵",
                "lead_unit_id": UNIT_ID,
                "supporting_unit_ids": [],
                "due_on": "2026-12-20",
            }
        ]
    )
    tasks: Annotated[list[RoadmapRow], Field(min_length=1, max_length=50)]
    reason: Words | None = Field(None, description="Of a revision: why. None when it is first published.")


class Objection(BaseModel):
    model_config = example(reason="此配电箱属供电公司资产。", basis="产权分界协议第三条")
    reason: Words
    basis: Words


class Mandate(BaseModel):
    model_config = example(unit_id=UNIT_ID, reason="按属地管理,由区住建局主办。")
    unit_id: UUID
    reason: Words


class Progress(BaseModel):
    model_config = example(percent=60, note="管道已铺设三百米。")
    percent: Annotated[StrictInt, Field(ge=0, le=100)]
    note: Words


class Evidence(BaseModel):
    """The form, with the file's name for the file."""

    model_config = example(file="施工后.jpg", stage="after")
    file: Short
    stage: Stage


class OwnersVote(BaseModel):
    model_config = example(passed=True, in_favour=120, against=9, entitled=160, voted_on="2026-12-08", digest=DIGEST)
    passed: StrictBool
    in_favour: Annotated[StrictInt, Field(ge=0, le=10**6)]
    against: Annotated[StrictInt, Field(ge=0, le=10**6)]
    entitled: Annotated[StrictInt, Field(ge=1, le=10**6, description="How many could vote.")]
    voted_on: Day
    digest: Annotated[str, StringConstraints(strict=True, pattern="^[0-9a-f]{64}$")] = Field(
        description="Of the task's evidence that shows the result."
    )


class Report(BaseModel):
    model_config = example(report="水泵已安装并试运行,积水点消除。")
    report: Words


class OfficialResponse(BaseModel):
    """An interim response has no outcome; the final one has."""

    model_config = example(text="排涝改造已完工,请各位评价。", interim=False, outcome="done")
    text: Words
    interim: StrictBool = False
    outcome: Answer | None = None
    due_on: Day | None = Field(None, description="The day by which what is `planned` is promised.")

    @model_validator(mode="after")
    def _final_has_an_outcome(self) -> "OfficialResponse":
        if self.interim == (self.outcome is not None):
            raise wrong(
                "outcome",
                "答复意见须有 outcome(done、planned 或 explained),阶段性答复没有。",
                "A final response needs an outcome (done, planned or explained); an interim one has none.",
            )
        return self


class Extension(BaseModel):
    model_config = example(days=10, reason="需多部门联合整治“敲墙党”。")
    days: StrictInt
    reason: Words


class Feedback(BaseModel):
    model_config = example(contacted=True, resolved="yes", satisfied=True, comment="雨后不再积水。")
    contacted: StrictBool
    resolved: Resolved
    satisfied: StrictBool
    comment: Words | None = None


class ReviewRequest(BaseModel):
    model_config = example(grounds="答复所称“已完工”与实际不符,西侧仍有积水。")
    grounds: Words


class ReviewDecision(BaseModel):
    model_config = example(result="returned", opinion="西侧管段未纳入改造,退回重新办理。")
    result: ReviewResult
    opinion: Words


class SupervisionOrder(BaseModel):
    model_config = example(order="三日内报送整改措施。")
    order: Words


class NewHost(BaseModel):
    model_config = example(name="划船社区", kind="community")
    name: Short
    kind: HostKind


class NewPost(BaseModel):
    model_config = example(name="区委书记", kind="party_committee")
    name: Short
    kind: PostKind


class NewUnit(BaseModel):
    model_config = example(name="区住建局", kind="department", regulator_id=None)
    name: Short
    kind: UnitKind
    regulator_id: UUID | None = None


class Placing(BaseModel):
    model_config = example(superior_id=POST_ID)
    superior_id: UUID | None


class Charge(BaseModel):
    model_config = example(unit_ids=[UNIT_ID])
    unit_ids: Annotated[Ids, Field(max_length=200)]


class Term(BaseModel):
    model_config = example(holder="official-17", started_on="2026-03-01")
    holder: Annotated[Short, Field(description="The holder's subject, as in their token. Stored as a pseudonym only.")]
    started_on: Day


class Acting(BaseModel):
    model_config = example(holder="official-23", from_post_id=None)
    holder: Annotated[Short, Field(description="Their subject, as in their token. Stored as a pseudonym only.")]
    from_post_id: UUID | None = Field(None, description="The post that they hold, if any.")


class Rename(BaseModel):
    model_config = example(name="划船社区居民委员会")
    name: Short


class TermEnd(BaseModel):
    model_config = example(ended_on="2026-11-30")
    ended_on: Day


# Answers of commands: what an aggregate is right after the decision. Pure, and nothing of it is anybody's text: a
# retried command gets the same bytes.


class ClockState(BaseModel):
    rule: str
    started_at: datetime
    due_at: datetime
    policy: str

    @classmethod
    def of(cls, clock: Clock) -> "ClockState":
        return cls(rule=clock.rule, started_at=clock.started_at, due_at=clock.due_at, policy=clock.policy)


class PetitionState(BaseModel):
    model_config = shown(
        id=PETITION_ID,
        phase="collecting",
        round=1,
        signatures=10,
        threshold=10,
        suspended=False,
        urgent=False,
        clocks=[CLOCK],
        outcome=None,
        version=11,
    )
    id: UUID
    phase: str
    round: int
    signatures: int | None = Field(
        description="All for who has just signed; else those it was submitted with: at least."
    )
    threshold: int
    suspended: bool
    urgent: bool
    clocks: list[ClockState] = Field(description="What is running now, soonest due first.")
    outcome: str | None = Field(None, description="How it was judged: resolved, unresolved, not_judged.")
    version: int

    @classmethod
    def of(cls, petition: Petition) -> "PetitionState":
        return cls(
            id=petition.id,
            phase=petition.phase,
            round=petition.round,
            signatures=petition.signatures_told,
            threshold=petition.threshold,
            suspended=petition.suspended_at is not None,
            urgent=petition.urgent,
            clocks=[
                ClockState.of(clock)
                for clock in sorted(petition.clocks.values(), key=lambda clock: clock.due_at)
                if clock.rule != "host_opinion" or not petition.counts_every  # it tells that somebody signed
            ],
            outcome=petition.outcome,
            version=seen_version(petition),
        )

    @classmethod
    def for_signer(cls, petition: Petition) -> "PetitionState":
        return cls.of(petition).model_copy(update={"signatures": petition.signatures})


BALLOT = {
    "id": BALLOT_ID,
    "petition_id": PETITION_ID,
    "question": "withdrawal",
    "ballot": CLOCK | {"rule": "ballot"},
}


class BallotState(BaseModel):
    model_config = shown(**BALLOT)
    id: UUID
    petition_id: UUID
    question: Question
    into: UUID | None = Field(None, description="The petition that this one is to be merged into.")
    ballot: ClockState = Field(description="Until when the co-signers decide.")
    candidacy: ClockState | None = Field(None, description="Of an election: candidates stand until then.")
    result: Result | None = Field(None, description="null while it is open.")

    @classmethod
    def of(cls, ballot: Ballot) -> "BallotState":
        return cls(
            id=ballot.id,
            petition_id=ballot.matter_id,
            question=Question(ballot.question),
            into=ballot.into_id,
            ballot=ClockState.of(ballot.clock),
            candidacy=ClockState.of(ballot.candidacy) if ballot.question in SEATS else None,
            result=Result(ballot.result) if ballot.result else None,
        )


class MeetingState(BaseModel):
    model_config = shown(
        id=MEETING_ID,
        petition_id=PETITION_ID,
        status="scheduled",
        starts_at="2026-12-01T01:30:00Z",
        rescheduled=0,
        present={"official": 0, "representative": 0, "resident": 0},
        version=1,
    )
    id: UUID
    petition_id: UUID
    status: str
    starts_at: datetime
    rescheduled: int
    present: dict[Capacity, int] = Field(description="How many came, by function.")
    minutes_status: str | None = None
    version: int

    @classmethod
    def of(cls, meeting: Meeting) -> "MeetingState":
        return cls(
            id=meeting.id,
            petition_id=meeting.matter_id,
            status=meeting.status,
            starts_at=meeting.starts_at,
            rescheduled=meeting.rescheduled,
            present={
                Capacity.OFFICIAL: len(meeting.posts_present),
                Capacity.REPRESENTATIVE: meeting.present(Capacity.REPRESENTATIVE),
                Capacity.RESIDENT: meeting.present(Capacity.RESIDENT),
            },
            minutes_status=meeting.minutes_status,
            version=meeting.version,
        )


class ProposalState(BaseModel):
    model_config = shown(
        id=PROPOSAL_ID,
        petition_id=PETITION_ID,
        kind="waiver",
        status="open",
        agree=1,
        disagree=0,
        version=2,
    )
    id: UUID
    petition_id: UUID
    kind: str
    status: str = Field(description="open, agreed or declined.")
    post_id: UUID | None = None
    to_post_id: UUID | None = None
    agree: int
    disagree: int
    version: int

    @classmethod
    def of(cls, proposal: Proposal) -> "ProposalState":
        voices = list(proposal.voices.values())
        return cls(
            id=proposal.id,
            petition_id=proposal.matter_id,
            kind=proposal.kind,
            status=proposal.status,
            post_id=proposal.post_id,
            to_post_id=proposal.to_post_id,
            agree=voices.count(True),
            disagree=voices.count(False),
            version=proposal.version,
        )


class CalendarFeed(BaseModel):
    model_config = shown(url="https://yuetan.example/v1/calendar-feeds/aOJK2r0kPm6b1vG8b5Hq0gW1cHn9m2c7l3q4XyZtQeU")
    url: str = Field(description="It is not shown again.")


class ReplyState(BaseModel):
    model_config = shown(id=REPLY_ID, petition_id=PETITION_ID, status="drafted", outcome="done", version=1)
    id: UUID
    petition_id: UUID
    status: str
    outcome: str | None = None
    due_on: date | None = None
    version: int

    @classmethod
    def of(cls, reply: Reply) -> "ReplyState":
        return cls(
            id=reply.id,
            petition_id=reply.matter_id,
            status=reply.status,
            outcome=reply.outcome,
            due_on=reply.due_on,
            version=reply.version,
        )


class TaskState(BaseModel):
    model_config = shown(
        id=TASK_ID,
        matter_id=PETITION_ID,
        status="claimed",
        lead_unit_id=UNIT_ID,
        supporting_unit_ids=[],
        due_on="2026-12-20",
        percent=60,
        clock=CLOCK | {"rule": "task", "due_at": "2026-12-20T16:00:00Z"},
        version=3,
    )
    id: UUID
    matter_id: UUID
    status: str
    lead_unit_id: UUID
    supporting_unit_ids: list[UUID]
    due_on: date
    percent: int
    transfer_to: UUID | None = None
    superior_id: UUID | None = None
    clock: ClockState | None = None
    version: int

    @classmethod
    def of(cls, task: Task) -> "TaskState":
        return cls(
            id=task.id,
            matter_id=task.matter_id,
            status=task.status,
            lead_unit_id=task.lead_unit_id,
            supporting_unit_ids=task.supporting_unit_ids,
            due_on=task.due_on,
            percent=task.percent,
            transfer_to=task.transfer_to,
            superior_id=task.superior_id,
            clock=ClockState.of(task.clock) if task.clock else None,
            version=task.version,
        )


class DirectoryEntry(BaseModel):
    id: UUID
    name: str
    kind: str
    version: int


class HostEntry(DirectoryEntry):
    model_config = shown(id=HOST_ID, name="划船社区", kind="community", version=1)

    @classmethod
    def of(cls, host: Host) -> "HostEntry":
        return cls(id=host.id, name=host.name, kind=host.kind, version=host.version)


class PostEntry(DirectoryEntry):
    model_config = shown(
        id=POST_ID, name="区委书记", kind="party_committee", version=2, held=True, charge_of=[UNIT_ID], acting=False
    )
    held: bool = Field(description="Whether somebody holds the post now.")
    superior_id: UUID | None = Field(None, description="The post above it.")
    charge_of: list[UUID] = Field([], description="Units, with those below them: it signs their mandates.")
    acting: bool = Field(False, description="Whether somebody stands in while it is vacant.")

    @classmethod
    def of(cls, post: Post) -> "PostEntry":
        return cls(
            id=post.id,
            name=post.name,
            kind=post.kind,
            version=post.version,
            held=post.holder is not None,
            superior_id=post.superior_id,
            charge_of=list(post.charge_of),
            acting=post.acting is not None,
        )


class UnitEntry(DirectoryEntry):
    model_config = shown(id=UNIT_ID, name="区住建局", kind="department", version=1, regulator_id=None)
    regulator_id: UUID | None = None
    superior_id: UUID | None = Field(None, description="A post or a unit; without one, the regulator stands above.")

    @classmethod
    def of(cls, unit: Unit) -> "UnitEntry":
        return cls(
            id=unit.id,
            name=unit.name,
            kind=unit.kind,
            version=unit.version,
            regulator_id=unit.regulator_id,
            superior_id=unit.superior_id,
        )


# Webhooks

Position = Annotated[StrictInt, Field(ge=1, le=2**63 - 1)]


def event_types(types: list[str]) -> list[str]:
    if not set(types) <= set(TYPES["handlers"]):
        raise wrong("event-type", "没有这种事件,或不对外发送。", "There is no such event, or nobody is told of it.")
    return types


class NewWebhook(BaseModel):
    model_config = example(url="https://12345.example/yuetan", types=["petition.Accepted", "petition.Closed"])
    url: Readable = Field(description="https, without user name or password.")
    types: Annotated[
        list[str],
        Field(max_length=100, description="None: all.", json_schema_extra={"items": {"enum": TYPES["handlers"]}}),
        AfterValidator(event_types),
    ] = []
    audience: Audience = Field(
        Audience.PUBLIC,
        description="`public`: what everybody may know, from acceptance on. `handlers`: also what comes before it, and"
        " what only those who handle petitions may know. Petitions about conduct are in neither.",
    )
    from_position: Position | None = Field(None, description="What happened there is sent first; null: from now on.")

    @model_validator(mode="after")
    def _told(self) -> "NewWebhook":
        if not set(self.types) <= set(TYPES[self.audience]):
            raise wrong("event-type", "其中有些事件只告知经办单位。", "Of some of these types only handlers are told.")
        return self


class SecretRotation(BaseModel):
    model_config = example(overlap_hours=24)
    overlap_hours: StrictInt = Field(24, ge=0, le=168, description="For so long, the old secret signs as well.")


class Replay(BaseModel):
    model_config = example(from_position=1)
    from_position: Position


WEBHOOK = {
    "id": WEBHOOK_ID,
    "url": "https://12345.example/yuetan",
    "types": ["petition.Accepted", "petition.Closed"],
    "audience": "public",
    "version": 1,
}


class WebhookState(BaseModel):
    model_config = shown(**WEBHOOK)
    id: UUID
    url: str
    types: list[str]
    audience: Audience
    paused: PausedBecause | None = None
    old_secret_until: datetime | None = None
    version: int


class WebhookWithSecret(WebhookState):
    model_config = shown(**WEBHOOK, secret="whsec_5FZZ8wY2dCYuOQ1rqdtYz2rBbVBDXBFbrZG0bAqPTXk=")  # noqa: S106
    secret: str = Field(description="To check signatures with. It is not shown again.")


class WebhookStatus(WebhookState):
    """How far it has come. ``lag``: positions of the log, of which most are not for it."""

    position: int
    lag: int
    attempts: int = Field(description="That failed, at what comes next.")
    failing_since: datetime | None
    retry_at: datetime | None
    delivered_at: datetime | None
    error: str | None = Field(description="The last there was.", examples=["answered 503"])
    error_at: datetime | None
