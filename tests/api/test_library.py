"""The log is the library's: its own recorder and mapper read what the API wrote, without any key of ours."""

import asyncio
from typing import Any
from uuid import UUID

from eventsourcing.persistence import Mapper

from infra.mapper import transcoder
from tests.api.world import World
from tests.infra.library import library_recorder


async def test_the_librarys_recorder_and_mapper_give_back_the_events_that_the_api_wrote(
    new_world: World, database: str
) -> None:
    path = await new_world.roadmap()
    await new_world.finish(await new_world.publish(path))
    await new_world.feedback(path)
    await new_world.judge(path, "yes")
    with library_recorder(database) as recorder:
        notifications = await asyncio.to_thread(recorder.select_notifications, 1, 1000)
    mapper = Mapper[UUID](transcoder)
    folded: dict[UUID, Any] = {}
    for notification in notifications:
        event: Any = mapper.to_domain_event(notification)
        assert mapper.to_stored_event(event).state == notification.state
        folded[event.originator_id] = event.mutate(folded.get(event.originator_id))
    assert [n.id for n in notifications] == list(range(1, await new_world.store.max_notification_id() + 1))
    assert UUID(path[-36:]) in folded
    for id, aggregate in folded.items():
        assert await new_world.repository.get(type(aggregate), id) == aggregate
