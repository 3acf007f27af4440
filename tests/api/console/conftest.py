from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.api.console.tab import Tab
from tests.api.world import World


@asynccontextmanager
async def tab_of(world: World) -> AsyncIterator[Tab]:
    transport = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://yuetan", follow_redirects=True) as client:
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
