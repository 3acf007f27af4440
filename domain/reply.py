"""A response being drafted in the called post's office, until the post's holder signs it off and it is given."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.command import Command, Part, Permission, Role, command
from domain.directory import Post
from domain.petition import Petition
from domain.petition.words import UNDER_WAY, Answer, Phase
from domain.refusals import Conflict
from domain.task import Task
from domain.text import Text
from domain.wording import ZH


class Status(StrEnum):
    DRAFTED = "drafted"
    SIGNED_OFF = "signed_off"
    DISCARDED = "discarded"


def lead_post(reply: "Reply | type[Reply]", arguments: Mapping[str, Any]) -> Collection[UUID]:
    """Of the petition as it is now, where it is at hand: a successor takes the drafts over with the call."""
    if petition := arguments.get("petition"):
        return [petition.called_post_ids[0]]
    return [reply.post_id] if isinstance(reply, Reply) else []


OFFICE = Permission(Role.OFFICIAL, of=lead_post)


class Reply(Part):
    TOPIC = "reply"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Drafted

    def __init__(self, matter_id: UUID, post_id: UUID, text: Text, outcome: str | None, due_on: date | None) -> None:
        self.status: str = Status.DRAFTED.value
        self.matter_id, self.post_id = matter_id, post_id
        self.text, self.outcome, self.due_on = text, outcome, due_on

    class Event(Part.Event):
        matter_id: UUID

    class Drafted(Event, Aggregate.Created):
        """An interim response has no ``outcome``."""

        TOPIC = "reply.Drafted"
        post_id: UUID
        text: Text
        outcome: str | None
        due_on: date | None

    class Revised(Event):
        TOPIC = "reply.Revised"
        text: Text
        outcome: str | None
        due_on: date | None

        def apply(self, reply: "Reply") -> None:
            reply.text, reply.outcome, reply.due_on = self.text, self.outcome, self.due_on

    class SignedOff(Event):
        TOPIC = "reply.SignedOff"

        def apply(self, reply: "Reply") -> None:
            reply.status = Status.SIGNED_OFF.value

    class Discarded(Event):
        TOPIC = "reply.Discarded"

        def apply(self, reply: "Reply") -> None:
            reply.status = Status.DISCARDED.value

    @classmethod
    @command(OFFICE)
    def draft(
        cls,
        cmd: Command,
        /,
        *,
        id: UUID,
        petition: Petition,
        text: Text,
        outcome: Answer | None = None,
        due_on: date | None = None,
    ) -> "Reply":
        """Anybody of the post's office. What is wrong with it otherwise is said when it is signed off."""
        petition.require(*UNDER_WAY if outcome is None else (Phase.IN_PROGRESS,))
        facts = {"text": text, "outcome": outcome and outcome.value, "due_on": due_on}
        return cls.begin(cls.Drafted, cmd, id=id, matter_id=petition.id, post_id=petition.called_post_ids[0], **facts)

    @command(OFFICE)
    def revise(self, cmd: Command, /, *, text: Text, outcome: Answer | None = None, due_on: date | None = None) -> None:
        self._require_drafted()
        self.decide(self.Revised, cmd, text=text, outcome=outcome and outcome.value, due_on=due_on)

    @command(OFFICE)
    def sign_off(self, cmd: Command, /, *, petition: Petition, post: Post, tasks: Sequence[Task]) -> None:
        """By the post's holder: in the same transaction the response is given."""
        self.own(petition)
        self._require_drafted()
        if self.outcome is None:
            petition.give_interim_response(cmd, text=self.text, post=post)
        else:
            outcome = Answer(self.outcome)
            petition.answer(cmd, text=self.text, outcome=outcome, due_on=self.due_on, tasks=tasks, post=post)
        self.decide(self.SignedOff, cmd)

    @command(OFFICE)
    def discard(self, cmd: Command, /) -> None:
        self._require_drafted()
        self.decide(self.Discarded, cmd)

    def _require_drafted(self) -> None:
        if self.status != Status.DRAFTED:
            raise Conflict(
                "wrong-status",
                f"此答复稿目前为“{ZH[self.status]}”,不能办理此事。",
                f"The draft is “{self.status}”; this takes one that is drafted.",
            )
