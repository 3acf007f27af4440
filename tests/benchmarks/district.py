"""A district with many petitions in every phase, written through the domain into a real log and then projected."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from rich.progress import Progress

from domain.calendar import local_day
from domain.command import Command, Role
from domain.directory import Host, HostKind, Post, PostKind, Unit, UnitKind
from domain.meeting import Meeting
from domain.petition import Petition
from domain.petition.words import Answer, Category, Resolved
from domain.roadmap import RoadmapItem
from domain.task import Task
from domain.text import Text
from infra.event_store import EventStore
from infra.repository import Repository
from infra.sealing import Keyring
from infra.settings import Settings
from projections.projector import Positions, Projector
from tests.benchmarks.complaints import Complaint, complaints

HOSTS, POSTS, UNITS = 78, 30, 60
THRESHOLD = 5  # the fewest whose judgements are told; signers are nowhere to be read
DAYS = 300  # over which the petitions were opened
AT_ONCE = 200
FIVE_HOURS = timedelta(hours=5)
# How far they have come, of a hundred: gathering, submitted, accepted, met, with a roadmap, being judged, closed.
SHARES = (4, 3, 5, 3, 30, 15, 40)


@dataclass
class District:
    hosts: list[UUID]
    posts: list[UUID]
    units: list[UUID]


async def populate(pool: asyncpg.Pool, keys: Path, petitions: int) -> District:
    store = EventStore(pool)
    repository, keyring = Repository(store), Keyring(pool, keys)
    writer = Writer(repository, keyring)
    hosts = await writer.register(Host, HostKind.COMMUNITY, "第{}社区", HOSTS)
    posts = await writer.register(Post, PostKind.GOVERNMENT, "第{}副区长", POSTS)
    district = District(hosts, posts, await writer.register(Unit, UnitKind.DEPARTMENT, "区第{}局", UNITS))
    places = asyncio.Semaphore(AT_ONCE)
    dice = random.Random(6)

    with Progress() as progress:
        written = progress.add_task("petitions", total=petitions)

        async def one(n: int, complaint: Complaint, stage: int) -> None:
            async with places:
                await writer.petition(district, n, petitions, complaint, stage)
            progress.advance(written)

        stages = dice.choices(range(len(SHARES)), SHARES, k=petitions)
        told = zip(islice(complaints(seed=6), petitions), stages, strict=True)
        await asyncio.gather(*(one(n, complaint, stage) for n, (complaint, stage) in enumerate(told)))
        head = await store.max_notification_id()
        projected = progress.add_task("events projected", total=head)
        service = asyncio.create_task(Projector(store, keyring).run())
        positions = Positions(pool)
        while not await positions.wait_for(head, 1):
            behind = await pool.fetchval("SELECT min(position) FROM projections")
            progress.update(projected, completed=behind or 0)
        progress.update(projected, completed=head)
        service.cancel()
        with suppress(asyncio.CancelledError):
            await service
    await repository.close()
    await pool.execute("VACUUM (FULL, ANALYZE)")  # what months of ordinary cleaning would have kept in shape
    return district


class Writer:
    def __init__(self, repository: Repository, keyring: Keyring) -> None:
        self._repository, self._keyring = repository, keyring
        self._policy = replace(Settings.from_env({}).load_policy(), threshold=THRESHOLD)

    async def do(self, method: Any, id: UUID, role: Role, at: datetime, org: UUID | None = None, **said: Any) -> None:
        by = said.pop("by", role.value)
        cmd = Command(id=uuid4(), by=by, role=role, org=org, at=at, policy=self._policy)
        await self._repository.execute(method, id, cmd, **said)

    async def register(self, what: Any, kind: Any, name: str, count: int) -> list[UUID]:
        ids = [uuid4() for _ in range(count)]
        for n, id in enumerate(ids, 1):
            await self.do(what.register, id, Role.ADMIN, datetime.now(UTC), name=name.format(n), kind=kind)
        return ids

    async def petition(self, district: District, n: int, of: int, complaint: Complaint, stage: int) -> None:
        """``stage``: one of ``SHARES``."""
        dice, id = random.Random(n), uuid4()
        host, post = dice.choice(district.hosts), dice.choice(district.posts)
        at = hours_from(datetime.now(UTC) - timedelta(days=DAYS * (1 - n / of) + 20))
        topic, details = await self.text(id, complaint.topic), await self.text(id, complaint.details)
        also: dict[str, Any] = {"host": (Host, host), "posts": [(Post, post)]}
        category = Category.CONDUCT if n % 40 == 0 else Category.GRIEVANCE
        await self.do(
            *(Petition.open, id, Role.RESIDENT, next(at)),
            by=f"{n} 0",
            topic=topic,
            details=details,
            category=category,
            also=also,
        )
        if stage == 0:
            return
        for signer in range(1, THRESHOLD):
            await self.do(Petition.co_sign, id, Role.RESIDENT, next(at), by=f"{n} {signer}")
        await self.do(Petition.give_host_opinion, id, Role.HOST_STAFF, next(at), host, opinion=topic)
        if stage == 1:
            return
        await self.do(Petition.issue_public_text, id, Role.CLERK, next(at), topic=topic, details=details)
        await self.do(Petition.accept, id, Role.CLERK, next(at))
        if stage == 2:
            return
        await self.do(Petition.acknowledge, id, Role.OFFICIAL, next(at), post)
        meeting, mine = uuid4(), {"petition": (Petition, id)}
        asked, began, ended = next(at), next(at), next(at)
        said: dict[str, Any] = {"venue": details, "starts_at": began, "also": mine}
        await self.do(Meeting.schedule, meeting, Role.HOST_STAFF, asked, host, **said)
        await self.do(Meeting.hold, meeting, Role.HOST_STAFF, ended, host, minutes=details, also=mine)
        for role, by, org in ((Role.RESIDENT, f"{n} 0", None), (Role.OFFICIAL, "official", post)):
            await self.do(Meeting.confirm_minutes, meeting, role, next(at), org, by=by, also=mine)
        if stage == 3:
            return
        units = dice.sample(district.units, 2)
        due_on = local_day(next(at)) + timedelta(days=40)
        items = [RoadmapItem(uuid4(), topic, unit, [], due_on) for unit in units]
        known: dict[str, Any] = {"units": [(Unit, unit) for unit in units]}
        await self.do(Petition.publish_roadmap, id, Role.OFFICIAL, next(at), post, items=items, also=known)
        for item in items:
            offer: dict[str, Any] = {
                "matter_kind": Petition.TOPIC,
                "post_id": post,
                "title": topic,
                "lead_unit_id": item.lead_unit_id,
                "supporting_unit_ids": [],
                "due_on": due_on,
            }
            await self.do(Task.offer, item.task_id, Role.WORKFLOW, next(at), also={"matter": (Petition, id)}, **offer)
        if stage == 4 and n % 2:
            return
        for item in items:
            officer = (Role.UNIT_OFFICER, next(at), item.lead_unit_id)
            await self.do(Task.claim, item.task_id, *officer)
            if stage > 4:
                await self.do(Task.complete, item.task_id, *officer, report=details)
                await self.do(Task.confirm, item.task_id, Role.OFFICIAL, next(at), post)
        if stage == 4:
            return
        tasks: dict[str, Any] = {"tasks": [(Task, item.task_id) for item in items]}
        answer: dict[str, Any] = {"text": details, "outcome": Answer.DONE, "due_on": None}
        await self.do(Petition.answer, id, Role.OFFICIAL, next(at), post, also=tasks, **answer)
        await self.do(Petition.invite_feedback, id, Role.WORKFLOW, next(at))
        if stage == 5:
            return
        for signer in range(THRESHOLD):
            verdict: dict[str, Any] = {
                "contacted": True,
                "resolved": dice.choice([*Resolved]),
                "satisfied": dice.random() < 0.7,
            }
            judge = f"{n} {signer}"
            await self.do(Petition.give_feedback, id, Role.RESIDENT, next(at), by=judge, comment=None, **verdict)

    async def text(self, id: UUID, words: str) -> Text:
        return await self._keyring.seal(id, "lead", words)


def hours_from(at: datetime) -> Iterator[datetime]:
    """Moments, one after the other."""
    while True:
        yield at
        at += FIVE_HOURS
