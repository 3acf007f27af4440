"""Who is told of what: residents of each step of a petition that they signed, staff of what begins to wait for them.

A notice is an entry in somebody's list of news, and (for whoever has an address) a letter to be sent: see
``notice_sender``. It says no more than its kind, the petition and a date; the words stand in ``notices.zh.toml`` and
``notices.en.toml``.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from eventsourcing.utils import get_topic

from domain.calendar import CHINA
from domain.command import Role
from domain.intake import Intake
from domain.meeting import Meeting, speakers
from domain.petition import Petition
from domain.proposal import Proposal
from infra.correspondents import FOLLOWER
from infra.event_store import Recorded
from infra.mapper import mapper
from projections.timeline import PUBLIC

LANGUAGES = ("zh", "en")
TEXTS: Mapping[str, Mapping[str, Any]] = {
    language: tomllib.loads(Path(__file__).with_name(f"notices.{language}.toml").read_text("utf-8"))
    for language in LANGUAGES
}

Recipients = Callable[[Any], Iterable[str]]  # of the petition, or of the intake that the event is about


def signers(petition: Petition) -> Iterable[str]:
    return (pseudonym for pseudonym, valid in petition.signers.items() if valid)


def signer(intake: Intake) -> Iterable[str]:
    return [intake.signer]


def lead(petition: Petition) -> Iterable[str]:
    return [petition.lead]


# What residents are told, and whom of them. The last group asks something of them, or is a decision they have a right
# to know: it cannot be unsubscribed from.
OPTIONAL: dict[type, Recipients] = {
    Petition.ThresholdReached: lead,
    Petition.Submitted: signers,
    Petition.MarkedUrgent: signers,
    Petition.UrgencyLifted: signers,
    Petition.ReferralReceived: signers,
    Petition.CallAcknowledged: signers,
    Petition.CallReassigned: signers,
    Petition.DelegateNamed: signers,
    Petition.LeadReplaced: signers,
    Petition.RepresentativesElected: signers,
    Petition.RoadmapPublished: signers,
    Petition.RoadmapRevised: signers,
    Petition.InterimResponseGiven: signers,
    Petition.CommitmentDelivered: signers,
    Petition.CommitmentMissed: signers,
    Petition.Suspended: signers,
    Petition.Resumed: signers,
    Meeting.Scheduled: signers,
    Meeting.Rescheduled: signers,
    Meeting.Cancelled: signers,
    Meeting.Held: signers,
    Meeting.MinutesDrafted: speakers,
}
REQUIRED: dict[type, Recipients] = {
    Petition.Lapsed: signers,
    Petition.Withdrawn: signers,
    Petition.Accepted: signers,
    Petition.Rejected: signers,
    Petition.Refiled: signers,
    Petition.RefilingClosed: signers,
    Petition.SplitProposed: lead,
    Petition.Split: signers,
    Petition.Referred: signers,
    Petition.Merged: signers,
    Petition.BallotCalled: signers,
    Petition.BallotConcluded: signers,
    Petition.MeetingWaived: signers,
    Proposal.Made: speakers,
    Petition.Extended: signers,
    Petition.Answered: signers,
    Petition.FeedbackInvited: signers,
    Petition.TrackingBegun: signers,
    Petition.Reopened: signers,
    Petition.Closed: signers,
    Intake.Filed: signer,
    Intake.InvalidationConfirmed: signer,
    Intake.Upheld: signer,
    Intake.Invalidated: signer,
    Petition.ReviewRequested: signers,
    Petition.ReviewDecided: signers,
}
FOR_RESIDENTS = {get_topic(event): whom for event, whom in (OPTIONAL | REQUIRED).items()}
CANNOT_BE_LEFT = frozenset(get_topic(event) for event in REQUIRED)
# What whoever follows a public petition is told: what happened to it in public, and nothing that is asked of signers.
FOR_FOLLOWERS = frozenset(get_topic(event) for event in OPTIONAL | REQUIRED if event in PUBLIC) - {
    get_topic(Petition.FeedbackInvited)
}
WANTED = ("feedback", "ballot", "appeal")  # clocks of events that ask something of residents
REMINDER = "reminder"  # to whomever the clock runs for; all other kinds for staff are those of the inbox

# Nobody's phone rings between these hours, Chinese time.
NIGHT_FROM, NIGHT_UNTIL = 22, 7


def by_day(at: datetime) -> datetime:
    """This moment, or the end of the night that it lies in."""
    local = at.astimezone(CHINA)
    if NIGHT_UNTIL <= local.hour < NIGHT_FROM:
        return at
    morning = local.replace(hour=NIGHT_UNTIL, minute=0, second=0, microsecond=0)
    return morning + timedelta(days=local.hour >= NIGHT_FROM)


def text(language: str, kind: str, role: str) -> str:
    """One sentence, for a list that only its owner sees. A kind without words of its own is told as news."""
    words = TEXTS[language]["resident" if role == Role.RESIDENT else "staff"]
    return str(words.get(kind, words["other"]))


# --- telling ---------------------------------------------------------------------------------------------------------

_NOTICE = """
WITH new AS (
    INSERT INTO notices (position, petition_id, role, recipient, kind, due_at, at)
    SELECT $1, $2, role, recipient, kind, due_at, $3::timestamptz
    FROM unnest($4::text[], $5::text[], $6::text[], $7::timestamptz[]) AS told (role, recipient, kind, due_at)
    ON CONFLICT DO NOTHING
    RETURNING id, role, recipient
)
INSERT INTO notice_deliveries (notice_id, owner, send_at)
SELECT id, ''::bytea, $8::timestamptz FROM new WHERE role IN ('resident', 'follower')
UNION ALL
SELECT id, owner, $8::timestamptz FROM new JOIN notice_settings AS s USING (role, recipient) WHERE s.recipient <> ''
"""

# What waits since this very event, and for whom; for a reminder, what its clock runs for.
_WAITING = """
SELECT DISTINCT for_role, for_org::text, CASE WHEN $3::text IS NULL THEN kind ELSE $5 END AS kind,
    nullif(due_at, 'infinity') AS due_at
FROM inbox.items
WHERE petition_id = $1 AND shown_from <= $6
    AND CASE WHEN $3 IS NULL THEN position = $2 ELSE rule = $3 AND subject_id = $4 AND kind <> 'escalated' END
"""

Told = list[tuple[str, str, str, datetime | None]]  # role, recipient, kind, due_at


async def tell(
    conn: PoolConnectionProxy, at: Recorded, petition_id: UUID, residents: Iterable[str], now: datetime
) -> None:
    """Put one event into the lists of all whom it concerns, once. Wants a transaction, and the inbox caught up."""
    event: Any = mapper.to_domain_event(at)
    wanted = next((clock for name in WANTED if (clock := getattr(event, name, None))), None)
    due_at = wanted.due_at if wanted else None
    told: Told = [(Role.RESIDENT, pseudonym, at.topic, due_at) for pseudonym in residents]
    if at.topic in FOR_FOLLOWERS:
        rows = await conn.fetch(
            "SELECT follower FROM followers WHERE petition_id = $1 AND after < $2", petition_id, at.id
        )
        told += [(FOLLOWER, row["follower"], at.topic, None) for row in rows]
    rule, subject_id = None, None
    if isinstance(event, Petition.Reminded):
        rule, subject_id = event.rule, event.task_id or petition_id
    rows = await conn.fetch(_WAITING, petition_id, at.id, rule, subject_id, REMINDER, now)
    told += [(row["for_role"], row["for_org"], row["kind"], row["due_at"]) for row in rows]
    if not told:
        return
    columns = [list(column) for column in zip(*told, strict=True)]
    await conn.execute(_NOTICE, at.id, petition_id, event.timestamp, *columns, by_day(now))


# --- reading ---------------------------------------------------------------------------------------------------------


async def addressed(pool: asyncpg.Pool, pseudonyms: list[str]) -> dict[UUID, str]:
    """Under which of these somebody can be told of which petition."""
    rows = await pool.fetch(
        "SELECT petition_id, recipient FROM notice_addresses WHERE recipient = ANY ($1)", pseudonyms
    )
    return {UUID(bytes=row["petition_id"].bytes): row["recipient"] for row in rows}


async def news(
    pool: asyncpg.Pool, role: str, recipients: list[str], *, cursor: int | None = None, limit: int = 50
) -> tuple[list[dict[str, Any]], int | None]:
    """What these have been told, the newest first, and the next page's cursor."""
    rows = await pool.fetch(
        "SELECT id, petition_id, kind, due_at, at FROM notices WHERE role = $1 AND recipient = ANY ($2)"
        " AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
        role,
        recipients,
        cursor,
        limit + 1,
    )
    found = [dict(row) for row in rows[:limit]]
    return found, found[-1]["id"] if len(rows) > limit else None
