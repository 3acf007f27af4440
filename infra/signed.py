"""Which open petitions somebody has signed. Nobody keeps a list of that: the pseudonym that they would have in each
open petition is looked for among its signatures."""

from uuid import UUID

from asyncpg.pool import PoolConnectionProxy

from domain.petition import Petition
from domain.petition.words import ENDS, Phase
from infra.people import People
from infra.repository import Repository

# (not that it was rejected: it may be filed again)
ENDINGS = [f"petition.{phase.value.capitalize()}" for phase in ENDS - {Phase.REJECTED}]


async def signed_by(
    conn: PoolConnectionProxy, people: People, repository: Repository, subject: str
) -> list[tuple[Petition, str]]:
    """Those in which their signature stands, each with their pseudonym."""
    petitions = [
        row[0]
        for row in await conn.fetch(
            "SELECT originator_id FROM stored_events WHERE topic = 'petition.Opened' EXCEPT"
            " SELECT originator_id FROM stored_events WHERE topic = ANY ($1)",
            ENDINGS,
        )
    ]
    pseudonyms = await people.pseudonyms(conn, subject, petitions)
    signed = await conn.fetch(
        "SELECT DISTINCT originator_id, pseudonym FROM unnest($1::uuid[], $2::text[]) AS mine (id, pseudonym)"
        " JOIN stored_events ON originator_id = id"
        " AND topic IN ('petition.Opened', 'petition.CoSigned', 'petition.SplitFrom')"
        " WHERE position(convert_to(pseudonym, 'UTF8') IN state) > 0",
        petitions if pseudonyms else [],
        pseudonyms,
    )
    found = [(await repository.get(Petition, UUID(bytes=id.bytes)), pseudonym) for id, pseudonym in signed]
    return [(petition, by) for petition, by in found if petition.signers.get(by) and not petition.over]
