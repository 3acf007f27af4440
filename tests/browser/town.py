"""A district whose petitions stand in every phase, made of the real topics; everybody in it is one of the personas."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.demo import show
from api.demo.district import District, Person
from api.demo.play import topics
from tests.stories.story import ADMIN, CLERK, Story

# The demo's rules, which need no calendar; but nothing lapses or is submitted by itself while we look at it.
POLICY = Path(show.__file__).with_name("policy.toml").read_text("utf-8")
POLICY = POLICY.replace('"25 seconds"', '"30 days"').replace('"15 seconds"', '"5 days"')

# The steps that bring a petition to each phase, from enough signatures on.
HELD = ("submit", "accept", "arrange", "hold")
DONE = (*HELD, "plan_two", "work_on_both", "confirm")
COURSES: dict[str, tuple[str, ...]] = {
    "collecting": (),
    "submitted": HELD[:1],
    "rejected": ("submit", "reject"),
    "accepted": HELD[:2],
    "meeting": HELD[:3],
    "roadmap": HELD,
    "offered": DONE[:5],
    "in_progress": DONE[:6],
    "feedback": (*DONE, "answer", "invited"),
    "tracking": (*DONE, "promise", "judge", "tracked"),
    "closed": (*DONE, "answer", "judge", "closed"),
}

RESIDENTS = [Person("resident", f"resident-{n}") for n in range(1, 13)]


async def holder(district: District, role: str, what: str, name: str, kind: str) -> Person:
    """Who acts for a host, post or unit, by the persona's name; registered where it is not yet."""
    key = f"town-{name}".encode().hex()
    entry = await district.post(ADMIN, f"/v1/{what}", key=key, name=name, kind=kind)
    return Person(role, f"{role}-{entry['id']}", entry["id"])


@dataclass
class Town:
    district: District
    host: Person
    official: Person
    other_official: Person
    officer: Person
    other_officer: Person

    @classmethod
    async def founded(cls, district: District) -> "Town":
        return cls(
            district,
            await holder(district, "host_staff", "hosts", "划船社区", "community"),
            await holder(district, "official", "posts", "区委书记", "party_committee"),
            await holder(district, "official", "posts", "分管副区长", "government"),
            await holder(district, "unit_officer", "units", "区住建局", "department"),
            await holder(district, "unit_officer", "units", "区城管局", "department"),
        )

    async def petition(self, topic: str, signed: int = 1) -> "Petition":
        petition = Petition(self.district, self.host.org or "", self.official.org or "", self.officer.org or "")
        petition.town, petition.topic, petition.residents = self, topic, RESIDENTS[:10]
        answer = await self.district.post(
            RESIDENTS[0],
            "/v1/petitions",
            topic=topic,
            details=f"居民联名提出:{topic}。盼有关部门到现场看一看,给出时间表。",
            category="grievance",
            host_id=self.host.org,
            called_post_ids=[self.official.org, self.other_official.org],
        )
        petition.id, petition.path = answer["id"], f"/v1/petitions/{answer['id']}"
        for resident in RESIDENTS[1:signed]:
            await petition.post(resident, "co-signatures")
        return petition

    async def settled(self) -> dict[str, "Petition"]:
        """A petition for each phase, by the phase's name."""
        texts = (topic["topic"] for topic in topics())
        made = [self._until(phase, text) for phase, text in zip(COURSES, texts, strict=False)]
        return dict(zip(COURSES, await asyncio.gather(*made), strict=True))

    async def _until(self, phase: str, text: str) -> "Petition":
        petition = await self.petition(text, signed=7 if phase == "collecting" else 10)
        for step in COURSES[phase]:
            await getattr(petition, step)()
        return petition


class Petition(Story):
    """One petition of the town; each step as far as its phase."""

    town: Town
    topic: str
    meeting: dict[str, Any]

    async def reject(self) -> None:
        await self.post(
            CLERK, "rejection", reason_code="other_level", explanation="此事属上级主管部门职权,已告知办理途径。"
        )

    async def accept(self) -> None:
        await self.post(CLERK, "acceptance")
        await self.post(CLERK, "public-text", topic=self.topic, details=f"居民联名提出:{self.topic}。")

    async def arrange(self) -> None:
        await self.post(self.official, "acknowledgement")
        self.starts_at = datetime.now(UTC) + timedelta(seconds=2)
        self.meeting = await self.post(self.host, "meetings", starts_at=self.starts_at.isoformat(), venue="社区议事厅")

    async def hold(self) -> None:
        await asyncio.sleep(max(0, (self.starts_at - datetime.now(UTC)).total_seconds()))  # it can't be held before
        minutes = "约谈已召开,应约领导当场答复,三个月内完成。"
        await self.district.post(self.host, f"/v1/meetings/{self.meeting['id']}/minutes", minutes=minutes)

    async def plan_two(self) -> None:
        due_on = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
        units = [self.town.officer.org, self.town.other_officer.org]
        rows = [
            {"title": title, "lead_unit_id": lead, "supporting_unit_ids": supporting, "due_on": due_on}
            for title, lead, supporting in (
                ("现场勘查,拿出方案", units[0], []),
                ("组织实施,公开进度", units[1], units[:1]),
            )
        ]
        await self.district.send(self.official, "PUT", f"{self.path}/roadmap", tasks=rows)
        self.tasks = await self._offered()

    async def _offered(self) -> list[str]:
        page = await self.district.until(
            CLERK, self.path, lambda page: [task["status"] for task in page["tasks"]] == ["offered"] * 2
        )
        return [f"/v1/tasks/{task['id']}" for task in page["tasks"]]

    async def work_on_both(self) -> None:
        for task, officer in zip(self.tasks, (self.town.officer, self.town.other_officer), strict=True):
            await self.district.post(officer, f"{task}/claim")
        await self.district.post(self.town.officer, f"{self.tasks[0]}/progress", percent=60, note="方案已公示。")
        await self.district.post(self.town.other_officer, f"{self.tasks[1]}/completion", report="已完成。")

    async def confirm(self) -> None:
        await self.district.post(self.town.officer, f"{self.tasks[0]}/completion", report="已完成。")
        for task in self.tasks:
            await self.district.post(self.official, f"{task}/confirmation")

    async def promise(self) -> None:
        due_on = (datetime.now(UTC) + timedelta(days=90)).date().isoformat()
        await self.post(
            self.official, "response", text="列入明年计划。", interim=False, outcome="planned", due_on=due_on
        )

    async def invited(self) -> None:
        await self.until("feedback")

    async def tracked(self) -> None:
        await self.until("tracking")

    async def closed(self) -> None:
        await self.until("closed")
