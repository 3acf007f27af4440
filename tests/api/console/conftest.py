from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.api.console.tab import Tab
from tests.api.world import World


@asynccontextmanager
async def tab_of(world: World) -> AsyncIterator[Tab]:
    """What happened in the world before is there to be seen: a person takes longer to come than a read model."""

    async def come(_request: httpx.Request) -> None:
        await world.app.state.services.positions.wait_for(world.position, 10)

    transport, hooks = httpx.ASGITransport(world.app), {"request": [come]}
    address = "http://yuetan"
    async with httpx.AsyncClient(
        transport=transport, base_url=address, follow_redirects=True, event_hooks=hooks
    ) as client:
        world.app.state.personas = world.issuer
        yield Tab(client)
        world.app.state.personas = None


@pytest.fixture
async def tab(world: World) -> AsyncIterator[Tab]:
    async with tab_of(world) as tab:
        yield tab


@pytest.fixture
async def new_tab(new_world: World) -> AsyncIterator[Tab]:
    """Of a district in which nothing has happened."""
    async with tab_of(new_world) as tab:
        yield tab
