from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.console.tab import Tab
from tests.api.world import World


@pytest.fixture
async def tab(world: World) -> AsyncIterator[Tab]:
    transport = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://yuetan", follow_redirects=True) as client:
        world.app.state.personas = world.issuer
        yield Tab(client)
        world.app.state.personas = None
