"""Every topic of topics.yaml, each to the end it was written for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from api.demo.district import District, Person

Say = Callable[[str, str, str], None]  # case, what happens in Chinese, in English

RESIDENTS = 10
ADMIN = Person("admin", "demo-admin")
CLERK = Person("clerk", "demo-clerk")
AUDITOR = Person("auditor", "demo-auditor")
SUPERVISOR = Person("supervisor", "demo-supervisor")


@dataclass(frozen=True)
class Expected:
    """How a case is written to end, and what must, or must not, stand in its history on the way."""

    phase: str = "closed"
    outcome: str | None = "resolved"
    rounds: int = 1
    history: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


EXPECTED = {
    "distribution-box": Expected(history=frozenset({"task.Objected", "task.Mandated"})),
    "property-management": Expected(history=frozenset({"task.Returned"})),
    "zombie-cars": Expected(rounds=2, history=frozenset({"petition.Reopened"})),
    "grocery": Expected("lapsed", None, history=frozenset({"petition.Lapsed"})),
    "parking": Expected("rejected", None, history=frozenset({"petition.Rejected"})),
    "flooding": Expected("merged", None, history=frozenset({"petition.BallotCalled", "petition.Merged"})),
    "wall-breakers": Expected(history=frozenset({"petition.Extended"})),
    "tongluowan": Expected(history=frozenset({"petition.Suspended", "petition.Resumed"})),
    "old-compound": Expected(history=frozenset({"petition.RepresentativesElected", "petition.InterimResponseGiven"})),
    "gas-and-lamps": Expected(never=frozenset({"petition.HostOpinionGiven"})),
}


@cache
def topics() -> list[dict[str, Any]]:
    """The real topics, as the newspaper accounts tell them; what is not told is absent."""
    found: list[dict[str, Any]] = yaml.safe_load((files("api.demo") / "topics.yaml").read_text("utf-8"))
    return found


@dataclass
class Result:
    case: str
    id: str
    phase: str
    outcome: str | None
    rounds: int
    events: int
    history: frozenset[str] = field(repr=False)

    @property
    def expected(self) -> Expected:
        return EXPECTED.get(self.case, Expected())

    @property
    def as_expected(self) -> bool:
        wanted = self.expected
        ended = (self.phase, self.outcome, self.rounds) == (wanted.phase, wanted.outcome, wanted.rounds)
        return ended and wanted.history <= self.history and wanted.never.isdisjoint(self.history)


class Play:
    """All cases at once; ``say`` hears each step."""

    def __init__(self, district: District, say: Say) -> None:
        self.district, self.say = district, say
        self.drainage_admitted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.flooding_merged = asyncio.Event()

    async def all(self) -> list[Result]:
        async with asyncio.TaskGroup() as group:
            playing = [group.create_task(self.case(topic)) for topic in topics()]
        return [task.result() for task in playing]

    async def one(self, case: str) -> Result:
        """One case alone; nothing is merged into it."""
        self.flooding_merged.set()
        return await self.case(next(topic for topic in topics() if topic["id"] == case))

    async def some_halfway(self) -> None:
        """For whoever looks around as one of the engine's personas: one petition waits for its tenth
        signature, one for the clerk, one for the units."""
        waiting = {
            "grocery": Scene.gather,
            "gas-and-lamps": Scene.until_submitted,
            "wall-breakers": Scene.until_offered,
        }
        scenes = [(until, Scene(self, topic, "resident-")) for topic in topics() if (until := waiting.get(topic["id"]))]
        await asyncio.gather(*(until(scene) for until, scene in scenes))

    async def case(self, topic: dict[str, Any]) -> Result:
        scene = Scene(self, topic)
        await scene.gather()
        endings: dict[str, Callable[[], Awaitable[None]]] = {
            "grocery": scene.lapse,
            "parking": scene.reject,
            "flooding": scene.merge,
        }
        await endings.get(topic["id"], scene.to_the_end)()
        return await scene.result()


class Scene:
    """One petition and everybody who has to do with it."""

    def __init__(self, play: Play, topic: dict[str, Any], who: str = "") -> None:
        self.play, self.district, self.topic = play, play.district, topic
        self.name: str = topic["id"]
        self.residents = [Person("resident", f"{who or f'demo-{self.name}-'}{n}") for n in range(1, RESIDENTS + 1)]
        self.id = self.path = ""

    def say(self, zh: str, en: str) -> None:
        self.play.say(self.name, zh, en)

    async def gather(self) -> None:
        """The host, the post and the units are in the directory; the residents set the topic and sign."""
        place = self.topic["district"]
        host_id = await self._registered("hosts", self.topic.get("host", f"{place}社区"), "community")
        post_id = await self._registered("posts", self.topic.get("called_post", f"{place}分管领导"), "government")
        names = self.topic.get("units", [f"{place}住建部门", f"{place}城管部门"])
        self.units = [await self._registered("units", name, "department") for name in names]
        self.host = Person("host_staff", "demo-host", host_id)
        self.official = Person("official", "demo-official", post_id)
        lead, *others = self.residents[:-1] if self.name == "grocery" else self.residents
        petition = await self.district.post(
            lead,
            "/v1/petitions",
            topic=self.topic["topic"],
            details=f"居民联名提出:{self.topic['topic']}。",
            category=self.topic["category"],
            host_id=host_id,
            called_post_ids=[post_id],
        )
        self.id, self.path = petition["id"], f"/v1/petitions/{petition['id']}"
        self.say(f"居民点题:{self.topic['topic']}", "a resident sets the topic and signs first")
        for resident in others:
            await self.district.post(resident, f"{self.path}/co-signatures")
        self.say(f"{1 + len(others)} 人联名", f"{1 + len(others)} residents have signed")

    async def lapse(self) -> None:
        self.say("差一人,等期限届满", "one short: the workflow's clock decides")
        await self._phase("lapsed")
        self.say("逾期未满十人,失效", "lapsed")

    async def reject(self) -> None:
        await self._submit()
        await self.district.post(
            CLERK,
            f"{self.path}/rejection",
            reason_code="other_level",
            explanation="此事属上级主管部门职权,已告知办理途径。",
        )
        self.say("不予受理,说明理由", "rejected, with the reason told")

    async def merge(self) -> None:
        await self._submit()
        into = await self.play.drainage_admitted
        ballot = await self.district.post(CLERK, f"{self.path}/merge", into=into)
        self.say("提请联名人表决是否并入排涝改造一件", "the co-signers are asked to merge it into the one on drainage")
        for resident in self.residents[: RESIDENTS // 2 + 1]:
            await self.district.post(resident, f"/v1/ballots/{ballot['id']}/votes", choices=["yes"])
        await self._phase("merged")
        self.play.flooding_merged.set()
        self.say("过半数同意,并入", "a majority agrees: merged")

    async def to_the_end(self) -> None:
        await self._submit()
        await self._accept()
        if self.name == "drainage":
            self.play.drainage_admitted.set_result(self.id)
        await self.district.post(self.official, f"{self.path}/acknowledgement")
        if self.name == "old-compound":
            await self._elect()
        await self._meet()
        if self.name == "tongluowan":
            await self.district.post(self.official, f"{self.path}/suspension", reason="等待上级批复。")
            await self.district.post(self.official, f"{self.path}/resumption")
            self.say("中止,后恢复", "suspended, then resumed")
        await self._work()
        if self.name == "drainage":
            await self.play.flooding_merged.wait()
        await self._answer()
        await self._judge("no" if self.name == "zombie-cars" else "yes")
        if self.name == "zombie-cars":
            self.say("多数评价未解决,二次办理", "most say it is not resolved: a second round")
            await self._work()
            await self._answer()
            await self._judge("yes")
        await self._phase("closed")
        self.say("办结", "closed")

    async def result(self) -> Result:
        page = await self._page()
        told: list[str] = []
        query: dict[str, Any] = {}
        while True:
            history = await self.district.get(AUDITOR, f"{self.path}/history", **query)
            told += [entry["type"] for entry in history["items"]]
            if not history.get("next"):
                break
            query = {"cursor": history["next"]}
        events = page["version"] + sum(part["version"] for part in (*page["tasks"], *page["meetings"]))
        return Result(self.name, self.id, page["phase"], page["outcome"], page["round"], events, frozenset(told))

    async def until_submitted(self) -> None:
        await self.gather()
        await self.district.post(self.host, f"{self.path}/host-opinion", opinion="情况属实,建议受理。")

    async def until_offered(self) -> None:
        await self.until_submitted()
        await self._accept()
        await self.district.post(self.official, f"{self.path}/acknowledgement")
        await self._meet()
        await self._publish()

    async def _accept(self) -> None:
        await self.district.post(CLERK, f"{self.path}/acceptance")
        await self.district.post(
            CLERK,
            f"{self.path}/public-text",
            topic=self.topic["topic"],
            details=f"居民联名提出:{self.topic['topic']}。",
        )
        self.say("受理并公开", "accepted, and the public text issued")

    async def _submit(self) -> None:
        if self.name == "gas-and-lamps":
            self.say("社区未提意见,到期自动提交", "no opinion from the host: the workflow submits it")
        else:
            await self.district.post(self.host, f"{self.path}/host-opinion", opinion="情况属实,建议受理。")
        await self._phase("submitted")
        self.say("已提交", "submitted to the clerk")

    async def _elect(self) -> None:
        ballot = await self.district.post(self.residents[0], f"{self.path}/ballots", question="representatives")
        address = f"/v1/ballots/{ballot['id']}"
        for n, resident in enumerate(self.residents[1:4], 1):
            await self.district.post(resident, f"{address}/candidacies", name=f"{n}号楼代表", consent=True)
        self.say("群众代表候选人报名", "candidates stand to speak for the residents")
        begins = datetime.fromisoformat(ballot["candidacy"]["due_at"])
        await asyncio.sleep(max(0, (begins - datetime.now(UTC)).total_seconds()))
        for resident in self.residents:
            await self.district.post(resident, f"{address}/votes", choices=["1", "3"])
        self.say("联名人秘密选出群众代表", "the co-signers elect their representatives in secret")

    async def _meet(self) -> None:
        starts_at = datetime.now(UTC) + timedelta(seconds=2)
        meeting = await self.district.post(
            self.host, f"{self.path}/meetings", starts_at=starts_at.isoformat(), venue="社区议事厅"
        )
        self.say("约定点题约谈时间", "the called meeting is arranged")
        await asyncio.sleep(max(0, (starts_at - datetime.now(UTC)).total_seconds()))
        await self.district.post(
            self.host, f"/v1/meetings/{meeting['id']}/minutes", minutes="约谈已召开,应约领导当场答复。"
        )
        self.say("约谈已召开", "the called meeting took place")

    async def _publish(self) -> list[dict[str, Any]]:
        """The roadmap is published, and its tasks are offered."""
        due_on = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
        rows = [
            {"title": title, "lead_unit_id": unit, "supporting_unit_ids": [], "due_on": due_on}
            for title, unit in zip(("现场勘查,拿出方案", "组织实施,公开进度"), self.units * 2, strict=False)
        ]
        await self.district.send(self.official, "PUT", f"{self.path}/roadmap", tasks=rows)
        self.say("公布时间表、路线图", "timetable and roadmap published")
        page = await self.district.until(
            CLERK, self.path, lambda page: sum(task["status"] == "offered" for task in page["tasks"]) == len(rows)
        )
        return [task for task in page["tasks"] if task["status"] == "offered"]

    async def _work(self) -> None:
        """Units claim the roadmap's tasks, do them, and the official confirms each."""
        offered = await self._publish()
        for n, task in enumerate(offered):
            await self._task(f"/v1/tasks/{task['id']}", Person("unit_officer", "demo-officer", task["lead_unit_id"]), n)
        if self.name == "wall-breakers":
            await self.district.post(self.official, f"{self.path}/extension", days=10, reason="需多部门联合整治。")
            await self.district.post(SUPERVISOR, f"{self.path}/extension/approval")
            self.say("申请延期十天,获批准", "ten more days asked for, and approved")

    async def _task(self, task: str, officer: Person, n: int) -> None:
        if self.name == "distribution-box" and n == 0:
            await self.district.post(officer, f"{task}/objection", reason="非本单位职责。", basis="部门职责清单")
            await self.district.post(
                self.official, f"{task}/mandate", unit_id=officer.org, reason="按属地管理,由该单位主办。"
            )
            self.say("部门提出异议,领导指派", "a unit objects; the official mandates")
        else:
            await self.district.post(officer, f"{task}/claim")
            self.say("部门认领任务", "a unit claims a task")
        await self.district.post(officer, f"{task}/progress", percent=50, note="过半。")
        await self.district.post(officer, f"{task}/completion", report="已完成。")
        if self.name == "property-management" and n == 0:
            await self.district.post(self.official, f"{task}/return", reason="尚有一处未整改。")
            self.say("退回重办", "returned to be done again")
            await self.district.post(officer, f"{task}/completion", report="已补齐。")
        await self.district.post(self.official, f"{task}/confirmation")
        self.say("任务核实销号", "a task is verified and closed")

    async def _answer(self) -> None:
        if self.name == "old-compound":
            await self.district.post(self.official, f"{self.path}/response", text="改造已过半。", interim=True)
        await self.district.post(
            self.official, f"{self.path}/response", text="事项已办理完毕,请评价。", interim=False, outcome="done"
        )
        self.say("答复居民", "the residents are answered")

    async def _judge(self, resolved: str) -> None:
        await self._phase("feedback")
        for resident in self.residents:
            await self.district.post(
                resident,
                f"{self.path}/feedback",
                contacted=True,
                resolved=resolved,
                satisfied=resolved == "yes",
                comment=None,
            )
        self.say("联名人评价", "the residents judge")

    async def _page(self) -> dict[str, Any]:
        return await self.district.get(CLERK, self.path)

    async def _phase(self, phase: str) -> None:
        await self.district.until(CLERK, self.path, lambda page: page["phase"] == phase)

    async def _registered(self, what: str, name: str, kind: str) -> str:
        """The id of a host, post or unit; the fixed key makes it the same one however often the demo runs."""
        entry = await self.district.post(
            ADMIN, f"/v1/{what}", key=f"demo-{what}-{name}".encode().hex(), name=name, kind=kind
        )
        found: str = entry["id"]
        return found
