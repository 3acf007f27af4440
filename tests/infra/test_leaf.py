"""The canonical form of an event."""

import json
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from infra.leaf import line

MOMENTS = st.datetimes().filter(lambda at: 1 < at.year < 9999)
ZONES = st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(
    st.integers(1, 2**53 - 1),
    st.uuids(),
    st.integers(1, 2**53 - 1),
    st.text(),
    st.text(),
    st.builds(lambda at, zone: at.replace(tzinfo=zone), MOMENTS, ZONES),
    st.none() | st.uuids(),
    st.uuids(),
)
def test_it_is_canonical_json_and_says_all_there_is(
    position: int, id: UUID, version: int, topic: str, state: str, at: datetime, command: UUID | None, salt: UUID
) -> None:
    made = line(
        position=position,
        originator_id=id,
        originator_version=version,
        topic=topic,
        state=state.encode(),
        recorded_at=at,
        command_id=command,
        salt=salt,
    )
    read = json.loads(made)
    assert rfc8785.dumps(read) == made
    assert b"\n" not in made
    assert datetime.fromisoformat(read.pop("recorded_at")) == at
    assert read == {
        "position": position,
        "originator_id": str(id),
        "originator_version": version,
        "topic": topic,
        "state": state,
        "command_id": command and str(command),
        "salt": str(salt),
    }


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        line(
            position=1,
            originator_id=UUID(int=1),
            originator_version=1,
            topic="petition.Opened",
            state=b"\xff",
            recorded_at=datetime.fromisoformat("2026-11-23T00:00:00Z"),
            command_id=None,
            salt=UUID(int=2),
        )
