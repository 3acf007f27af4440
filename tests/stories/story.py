"""One petition and everybody who acts on it, step by step through the HTTP API."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from api.demo.district import District, Person

ADMIN = Person("admin", "admin")
CLERK = Person("clerk", "clerk")
SUPERVISOR = Person("supervisor", "supervisor")
AUDITOR = Person("auditor", "auditor")
TOPIC = "小区低洼地排涝改造"
DETAILS = "每逢暴雨,三幢门口积水没过脚踝。"


class Story:
    """``path`` is the petition's; the host, the post and the unit are its own, so that stories do not mix."""

    def __init__(self, district: District, host: str, post: str, unit: str) -> None:
        self.district = district
        self.host = Person("host_staff", "host", host)
        self.official = Person("official", "official", post)
        self.officer = Person("unit_officer", "officer", unit)
        self.residents = [Person("resident", f"resident-{n}-{uuid4()}") for n in range(10)]
        self.id = self.path = ""

    @classmethod
    async def opened(cls, district: District, category: str = "grievance") -> "Story":
        story = cls(
            district,
            await registered(district, "hosts", "划船社区", "community"),
            await registered(district, "posts", "区委书记", "party_committee"),
            await registered(district, "units", "区住建局", "department"),
        )
        petition = await district.post(
            story.residents[0],
            "/v1/petitions",
            topic=TOPIC,
            details=DETAILS,
            category=category,
            host_id=story.host.org,
            called_post_ids=[story.official.org],
        )
        story.id, story.path = petition["id"], f"/v1/petitions/{petition['id']}"
        return story

    async def post(self, who: Person, noun: str, **body: Any) -> dict[str, Any]:
        return await self.district.post(who, f"{self.path}/{noun}", **body)

    async def page(self, who: Person = CLERK) -> dict[str, Any]:
        return await self.district.get(who, self.path)

    async def until(self, phase: str) -> dict[str, Any]:
        """For what the workflow does."""
        return await self.district.until(CLERK, self.path, lambda page: page["phase"] == phase)

    async def sign(self) -> None:
        for resident in self.residents[1:]:
            await self.post(resident, "co-signatures")

    async def submit(self) -> None:
        await self.post(self.host, "host-opinion", opinion="情况属实。")

    async def accept(self) -> None:
        await self.post(CLERK, "acceptance")
        await self.post(CLERK, "public-text", topic=TOPIC, details="居民反映小区低洼处雨后积水。")

    async def meet(self) -> None:
        await self.post(self.official, "acknowledgement")
        starts_at = datetime.now(UTC) + timedelta(seconds=1)
        meeting = await self.post(self.host, "meetings", starts_at=starts_at.isoformat(), venue="社区议事厅")
        await asyncio.sleep((starts_at - datetime.now(UTC)).total_seconds())  # it cannot be held before it begins
        await self.district.post(self.host, f"/v1/meetings/{meeting['id']}/minutes", minutes="应约领导当场答复。")
        for who in (self.residents[0], self.official):
            await self.district.post(who, f"/v1/meetings/{meeting['id']}/confirmation")

    async def plan(self) -> str:
        """The roadmap has one task; answers its path once the workflow has offered it."""
        due_on = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
        rows: list[dict[str, Any]] = [
            {"title": "铺设排水管", "lead_unit_id": self.officer.org, "supporting_unit_ids": [], "due_on": due_on}
        ]
        await self.district.send(self.official, "PUT", f"{self.path}/roadmap", tasks=rows)
        page = await self.district.until(
            CLERK, self.path, lambda page: [task["status"] for task in page["tasks"]] == ["offered"]
        )
        return f"/v1/tasks/{page['tasks'][0]['id']}"

    async def work(self, task: str) -> None:
        await self.district.post(self.officer, f"{task}/claim")
        await self.district.post(self.officer, f"{task}/completion", report="水泵已安装。")
        await self.district.post(self.official, f"{task}/confirmation")

    async def answer(self) -> None:
        await self.post(self.official, "response", text="已完工,请评价。", interim=False, outcome="done")

    async def judge(self) -> None:
        await self.until("feedback")
        for resident in self.residents:
            await self.post(resident, "feedback", contacted=True, resolved="yes", satisfied=True)

    async def to_its_end(self) -> None:
        await self.sign()
        await self.submit()
        await self.accept()
        await self.meet()
        await self.work(await self.plan())
        await self.answer()
        await self.judge()
        await self.until("closed")


async def registered(district: District, what: str, name: str, kind: str) -> str:
    entry = await district.post(ADMIN, f"/v1/{what}", name=name, kind=kind)
    return str(entry["id"])
