"""A district to play in: the real API on a real database, its projector, a clock of our own, and people with tokens."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4, uuid5

import asyncpg
import httpx
from fastapi import FastAPI

from api.app import create_app
from domain.command import Command, Role
from domain.petition import Petition
from domain.policy import Policy
from domain.task import Task
from infra import policies
from infra.contacts import Contact
from infra.event_store import EventStore
from infra.files import Folder
from infra.identity import Issuer, Verifier
from infra.outbound import Outbound
from infra.people import People
from infra.register import MASTER, Register
from infra.repository import Repository
from infra.sealing import Keyring, secret
from infra.sign_in import SignIn
from projections.webhook_sender import Secrets

SHIPPED_FILE = Path("domain/policy.toml").read_text("utf-8")
# Who tests something else need not wait for midnight.
POLICY_FILE = SHIPPED_FILE.replace('counts_every = "24 hours"', 'counts_every = "at once"')
POLICY = Policy.parse(tomllib.loads(POLICY_FILE))
MONDAY = datetime(2026, 3, 2, 1, tzinfo=UTC)
TOPIC, DETAILS = "小区低洼地排涝改造", "划船社区三幢张阿婆家门口每逢暴雨积水。"


class Person(NamedTuple):
    role: Role
    subject: str
    org: UUID | None = None


ADMIN = Person(Role.ADMIN, "admin")
CLERK = Person(Role.CLERK, "clerk")
SUPERVISOR = Person(Role.SUPERVISOR, "supervisor")
AUDITOR = Person(Role.AUDITOR, "auditor")
# These act for an organisation that each world registers.
HOST = Person(Role.HOST_STAFF, "host")
OFFICIAL = Person(Role.OFFICIAL, "official")
OFFICER = Person(Role.UNIT_OFFICER, "officer")
OTHER_OFFICER = Person(Role.UNIT_OFFICER, "other-officer")


def resident(n: int) -> Person:
    return Person(Role.RESIDENT, f"resident-{n}")


@dataclass
class Clock:
    at: datetime = MONDAY

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Outbox:
    """A gateway that keeps what it sends."""

    sent: list[tuple[Contact, str]] = field(default_factory=list)

    def reaches(self, _kind: str, /) -> bool:
        return True

    async def send(self, to: Contact, _subject: str, text: str, /, **_more: str | None) -> bool:
        self.sent.append((to, text))
        return True


@dataclass
class World:
    app: FastAPI
    client: httpx.AsyncClient
    store: EventStore
    repository: Repository
    keyring: Keyring
    issuer: Issuer
    people: People
    outbox: Outbox
    clock: Clock = field(default_factory=Clock)
    host: Person = HOST
    official: Person = OFFICIAL
    officer: Person = OFFICER
    other_officer: Person = OTHER_OFFICER
    position: int = 0

    @classmethod
    async def begin(cls, pool: asyncpg.Pool, keys: Path, policy_file: str = POLICY_FILE) -> "World":
        store, issuer = EventStore(pool), Issuer(keys)
        await policies.establish(Repository(store), pool, policy_file)
        repository, keyring, outbox = Repository(store), Keyring(pool, keys), Outbox()
        people = People(pool, secret(keys, "people.key"))
        app = create_app(
            store=store,
            repository=repository,
            keyring=keyring,
            files=Folder(keys / "files"),
            people=people,
            verifier=Verifier.embedded(issuer),
            signing_in=SignIn(Register(pool, secret(keys, MASTER)), issuer, outbox),
            policy=Policy.parse(tomllib.loads(policy_file)),
            outbound=Outbound(allow_private=False),
            webhook_secrets=Secrets(secret(keys, "webhooks.key")),
        )
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://yuetan")
        world = cls(app, client, store, repository, keyring, issuer, people, outbox)
        app.state.now = world.clock
        host, post, unit, other = [
            await world.register(*entry)
            for entry in (
                ("hosts", "划船社区", "community"),
                ("posts", "区委书记", "party_committee"),
                ("units", "区住建局", "department"),
                ("units", "区城管局", "department"),
            )
        ]
        world.host, world.official = HOST._replace(org=host), OFFICIAL._replace(org=post)
        world.officer, world.other_officer = OFFICER._replace(org=unit), OTHER_OFFICER._replace(org=other)
        return world

    # Speaking HTTP

    async def send(
        self, who: Person | None, method: str, path: str, body: Any = None, /, **headers: str
    ) -> httpx.Response:
        if who:
            headers["Authorization"] = f"Bearer {self.issuer.token(who.role, who.subject, who.org)}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.request(method, path, json=body, headers=named)
        self.position = max(self.position, int(answer.headers.get("Yuetan-Position", 0)))
        return answer

    async def post(self, who: Person, path: str, **body: Any) -> Any:
        answer = await self.send(who, "POST", path, body)
        assert answer.is_success, answer.text
        return answer.json()

    async def get(self, who: Person | None, path: str, **query: Any) -> Any:
        answer = await self.read(who, path, **query)
        assert answer.is_success, answer.text
        return answer.json()

    async def read(self, who: Person | None, path: str, **query: Any) -> httpx.Response:
        """Like everybody else, with the position of our last command."""
        return await self.send(who, "GET", str(httpx.URL(path, params=query | {"after": self.position})))

    async def register(self, what: str, name: str, kind: str) -> UUID:
        return UUID((await self.post(ADMIN, f"/v1/{what}", name=name, kind=kind))["id"])

    # The story, step by step. What the workflow would do is done in its name.

    def topic(self, **changes: Any) -> dict[str, Any]:
        assert self.host.org
        assert self.official.org
        body = {"topic": TOPIC, "details": DETAILS, "category": "grievance"}
        return body | {"host_id": str(self.host.org), "called_post_ids": [str(self.official.org)]} | changes

    async def collecting(self, signatures: int = 10, **changes: Any) -> str:
        """A petition's path; residents 1 to ``signatures`` have signed it."""
        path = f"/v1/petitions/{(await self.post(resident(1), '/v1/petitions', **self.topic(**changes)))['id']}"
        for n in range(2, signatures + 1):
            await self.post(resident(n), f"{path}/co-signatures")
        return path

    async def submitted(self, **changes: Any) -> str:
        path = await self.collecting(**changes)
        await self.post(self.host, f"{path}/host-opinion", opinion="情况属实。")
        return path

    async def accepted(self, **changes: Any) -> str:
        path = await self.submitted(**changes)
        await self.post(CLERK, f"{path}/public-text", topic="排涝改造", details="居民请求改造排水。")
        await self.post(CLERK, f"{path}/acceptance")
        return path

    async def roadmap(self, **changes: Any) -> str:
        path = await self.accepted(**changes)
        await self.post(self.official, f"{path}/acknowledgement")
        starts_at = self.clock.at + timedelta(days=1)
        meeting = await self.post(self.host, f"{path}/meetings", starts_at=starts_at.isoformat(), venue="议事厅")
        self.clock.at = starts_at + timedelta(hours=2)
        await self.post(self.host, f"/v1/meetings/{meeting['id']}/minutes", minutes="年内完成。")
        return path

    async def in_progress(self, **changes: Any) -> str:
        path = await self.roadmap(**changes)
        await self.publish(path)
        return path

    async def publish(self, path: str) -> list[str]:
        """A roadmap of two tasks, offered; answers with their paths."""
        due_on = (self.clock.at + timedelta(days=20)).date().isoformat()
        rows = [
            {"title": "铺设排水管", "lead_unit_id": str(self.officer.org), "due_on": due_on},
            {"title": "清运淤泥", "lead_unit_id": str(self.other_officer.org), "due_on": due_on},
        ]
        answer = await self.send(self.official, "PUT", f"{path}/roadmap", {"tasks": rows})
        assert answer.is_success, answer.text
        petition = await self.repository.get(Petition, UUID(path[-36:]))
        for item in petition.roadmaps[-1]:
            await self.as_workflow(
                Task.offer,
                item.task_id,
                also={"matter": (Petition, petition.id)},
                matter_kind="petition",
                post_id=petition.called_post_ids[0],
                title=item.title,
                lead_unit_id=item.lead_unit_id,
                supporting_unit_ids=item.supporting_unit_ids,
                due_on=item.due_on,
                cost_fen=item.cost_fen,
                money_source=item.money_source,
                vote_needed=item.vote_needed,
            )
        return [f"/v1/tasks/{task_id}" for task_id in petition.tasks]

    async def finish(self, tasks: list[str]) -> None:
        for task, officer in zip(tasks, (self.officer, self.other_officer), strict=True):
            await self.post(officer, f"{task}/claim")
            await self.post(officer, f"{task}/completion", report="已完成。")
            await self.post(self.official, f"{task}/confirmation")

    async def feedback(self, path: str) -> None:
        await self.post(self.official, f"{path}/response", text="已完工。", outcome="done")
        await self.as_workflow(Petition.invite_feedback, UUID(path[-36:]))

    async def judge(self, path: str, resolved: str, *people: int) -> Any:
        answer = None
        for n in people or range(1, 11):
            body = {"contacted": True, "resolved": resolved, "satisfied": resolved == "yes", "comment": f"第{n}条"}
            answer = await self.post(resident(n), f"{path}/feedback", **body)
        return answer

    async def vote(self, ballot: dict[str, Any], choice: str, *people: int) -> str | None:
        """Answers the result, if there is one."""
        for n in people:
            state = await self.post(resident(n), f"/v1/ballots/{ballot['id']}/votes", choices=[choice])
        result: str | None = state["result"]
        return result

    async def elect(self, path: str, *people: int) -> None:
        """Make these residents representatives, without the ballot; each goes by the name 代表n."""
        id = UUID(path[-36:])
        by = [await self.people.pseudonym(resident(n).subject, id) for n in people]
        elected = {b: await self.keyring.seal(id, b, f"代表{n}") for b, n in zip(by, people, strict=True)}
        await self.as_workflow(Petition.elect_representatives, id, elected=elected)

    async def as_workflow(self, method: Callable[..., Any], id: UUID, **arguments: Any) -> None:
        cmd = Command(id=uuid4(), by="yuetan", role=Role.WORKFLOW, at=self.clock.at, policy=POLICY)
        outcome = await self.repository.execute(method, id, cmd, **arguments)
        self.position = max(self.position, outcome.position)


def somewhere() -> UUID:
    """An id that nothing has."""
    return uuid5(UUID(int=0), "nothing")
