"""The auditor's page of checkpoints, keys and proofs."""

from pathlib import Path

import pytest

from infra.publication import FolderShelf, Publication
from infra.transparency import Sealer, Stopped
from tests.api.console.tab import Tab
from tests.api.world import World


async def test_an_auditor_copies_a_checkpoint_and_has_an_event_proved(
    new_world: World, new_tab: Tab, tmp_path: Path
) -> None:
    sealer = Sealer(new_world.store.pool, tmp_path / "seeds", Publication(FolderShelf(tmp_path / "proof")))
    tab = new_tab
    await tab.be("auditor", "/audit/proof")
    assert "还没有校验点" in tab.html
    path = await new_world.accepted()
    sealed = await sealer.seal()
    assert sealed
    await tab.open(f"/audit/petitions/{path[-36:]}")
    place = tab.html.partition('href="/audit/proof?position=')[2].partition('"')[0]
    await tab.open(f"/audit/proof?position={place}")
    assert sealed.note in tab.html
    assert "得出最新校验点的树根" in tab.html
    for nowhere in ("0", "-1", "²", "x", "9" * 19, str(sealed.position + 1)):
        await tab.open(f"/audit/proof?position={nowhere}")
        assert "没有这个事件" in tab.html
    assert await sealer.rotate()
    await tab.open("/audit/proof")
    assert "尚未使用" in tab.html
    await new_world.store.pool.execute("DELETE FROM stored_events WHERE notification_id = $1", sealed.position)
    with pytest.raises(Stopped):
        await sealer.seal()
    await tab.open("/audit/proof")
    assert "已停止签名或公布" in tab.html
    await tab.be("supervisor")
    assert (await tab.open("/audit/proof")).status_code == 403
