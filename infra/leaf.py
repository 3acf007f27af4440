"""The canonical form of an event, which the transparency log is made of: one line of JSON for each.

The line is RFC 8785 (JSON Canonicalization Scheme) of an object with eight members, without a line end. A stranger who
has the line needs nothing of this program: see docs/proof.md.
"""

from datetime import UTC, datetime
from uuid import UUID

import orjson


def line(
    *,
    position: int,
    originator_id: UUID,
    originator_version: int,
    topic: str,
    state: bytes,
    recorded_at: datetime,
    command_id: UUID | None,
    salt: UUID,
) -> bytes:
    """All that the log holds of an event. ``state``: the stored bytes, JSON themselves, as a string.

    Raises ``ValueError`` where they are not UTF-8: nothing that this program has written.
    """
    at = recorded_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    command = b"null" if command_id is None else b'"%b"' % str(command_id).encode()
    # Written out in the order that the RFC sorts names in: this is the hot path of everything that seals and verifies.
    return (
        b'{"command_id":%b,"originator_id":"%b","originator_version":%d,"position":%d,"recorded_at":"%bZ",'
        b'"salt":"%b","state":%b,"topic":%b}'
    ) % (
        command,
        str(originator_id).encode(),
        originator_version,
        position,
        at.encode(),
        str(salt).encode(),
        orjson.dumps(state.decode()),
        orjson.dumps(topic),
    )
