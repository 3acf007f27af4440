"""An outgoing webhook: another system that is told what happens, at an address, from a position of the log on."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from eventsourcing.domain import Aggregate

from domain.command import Command, Decider, Permission, Role, command
from domain.refusals import Conflict, not_found
from domain.text import Text

ADMIN = Permission(Role.ADMIN)
WORKFLOW = Permission(Role.WORKFLOW)


class Audience(StrEnum):
    """Who may read what is sent: everybody, or only those who handle petitions."""

    PUBLIC = "public"
    HANDLERS = "handlers"


class PausedBecause(StrEnum):
    ASKED = "asked"
    UNANSWERED = "unanswered"  # for days
    GONE = "gone"  # the subscriber says that it wants no more


class Webhook(Decider):
    """``secret`` numbers the signing secrets: what they are is derived outside the log."""

    TOPIC = "webhook"
    Created = None  # type: ignore[assignment]  # the creation event has a name of its own: Subscribed

    def __init__(self, url: Text, types: list[str], audience: str, from_position: int | None) -> None:
        self.url, self.types, self.audience, self.from_position = url, types, audience, from_position
        self.secret = 1
        self.old_secret_until: datetime | None = None
        self.paused: str | None = None
        self.cancelled = False

    class Event(Decider.Event):
        pass

    class Subscribed(Event, Aggregate.Created):
        """``types``: empty for all. ``from_position``: None for "from this event on"."""

        TOPIC = "webhook.Subscribed"
        url: Text
        types: list[str]
        audience: str
        from_position: int | None

    class SecretRotated(Event):
        TOPIC = "webhook.SecretRotated"
        secret: int
        old_until: datetime

        def apply(self, webhook: "Webhook") -> None:
            webhook.secret, webhook.old_secret_until = self.secret, self.old_until

    class Paused(Event):
        TOPIC = "webhook.Paused"
        reason: str

        def apply(self, webhook: "Webhook") -> None:
            webhook.paused = self.reason

    class Resumed(Event):
        TOPIC = "webhook.Resumed"

        def apply(self, webhook: "Webhook") -> None:
            webhook.paused = None

    class Replayed(Event):
        TOPIC = "webhook.Replayed"
        from_position: int

        def apply(self, webhook: "Webhook") -> None:
            webhook.from_position = self.from_position

    class Cancelled(Event):
        TOPIC = "webhook.Cancelled"

        def apply(self, webhook: "Webhook") -> None:
            webhook.cancelled = True

    @classmethod
    @command(ADMIN)
    def subscribe(
        cls, cmd: Command, /, *, id: UUID, url: Text, types: list[str], audience: Audience, from_position: int | None
    ) -> "Webhook":
        return cls.begin(
            cls.Subscribed, cmd, id=id, url=url, types=types, audience=audience.value, from_position=from_position
        )

    @command(ADMIN)
    def rotate_secret(self, cmd: Command, /, *, overlap: timedelta) -> None:
        """From now on with a new secret; until the overlap is over what is sent is signed with the old one as well."""
        self._require_wanted()
        self.decide(self.SecretRotated, cmd, secret=self.secret + 1, old_until=cmd.at + overlap)

    @command(ADMIN)
    def pause(self, cmd: Command, /) -> None:
        self._pause(cmd, PausedBecause.ASKED)

    @command(WORKFLOW)
    def give_up(self, cmd: Command, /, *, reason: PausedBecause) -> None:
        self._pause(cmd, reason)

    @command(ADMIN)
    def resume(self, cmd: Command, /) -> None:
        self._require_wanted()
        if self.paused is None:
            raise Conflict("webhook-is-active", "此订阅并未暂停。", "The webhook is not paused.")
        self.decide(self.Resumed, cmd)

    @command(ADMIN)
    def replay(self, cmd: Command, /, *, from_position: int) -> None:
        """Everything from a position on is sent once more."""
        self._require_wanted()
        self.decide(self.Replayed, cmd, from_position=from_position)

    @command(ADMIN)
    def cancel(self, cmd: Command, /) -> None:
        self._require_wanted()
        self.decide(self.Cancelled, cmd)

    def _pause(self, cmd: Command, reason: PausedBecause) -> None:
        self._require_wanted()
        if self.paused is not None:
            raise Conflict("webhook-is-paused", "此订阅已暂停。", "The webhook is paused already.")
        self.decide(self.Paused, cmd, reason=reason.value)

    def _require_wanted(self) -> None:
        if self.cancelled:
            raise not_found("webhook")
