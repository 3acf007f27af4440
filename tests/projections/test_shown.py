"""What a bundle shows of real petitions: nothing of residents, and nothing that counts what they did."""

import io
import json
import zipfile
from pathlib import Path

from domain.petition.words import Phase
from infra import bundle
from infra.transparency import Sealer
from infra.verification import verify_bundle
from projections import shown
from projections.timeline import VISIBILITY
from tests.domain.story import given, resident
from tests.projections.conftest import Mirror


async def test_a_bundle_shows_no_resident_and_nothing_that_counts_them(mirror: Mirror, tmp_path: Path) -> None:
    stories = [given(Phase.CLOSED, name="one", signatures=14), given(Phase.COLLECTING, name="two")]
    for story in stories:
        await mirror.tell(story)
    await Sealer(mirror.pool, tmp_path / "seeds", None, "district.example/yuetan").seal()
    file = tmp_path / "bundle.zip"
    with file.open("wb") as opened:
        await bundle.write(mirror.pool, opened, shown.withheld, lambda *_: None)
    report = verify_bundle(file)
    assert report.ok, report.findings
    with zipfile.ZipFile(file) as members:
        lines = [json.loads(line) for line in io.BytesIO(members.read("events.jsonl"))]
    open_lines = [line for line in lines if "position" in line]
    assert {line["topic"].split(".")[0] for line in open_lines} == {"host", "post", "unit", "task"}
    told = json.dumps(open_lines)
    assert all(resident(n).by not in told for n in range(1, 15))
    versions: dict[str, list[int]] = {}
    for line in open_lines:
        versions.setdefault(line["originator_id"], []).append(line["originator_version"])
    for seen in versions.values():
        assert seen == list(range(1, len(seen) + 1)), "a gap would count what is withheld"
    assert report.facts["withheld"] == len(lines) - len(open_lines) > 40


def test_only_streams_of_which_everything_is_told_are_shown() -> None:
    told = {event.TOPIC: event for event in VISIBILITY}  # type: ignore[attr-defined]
    assert {topic.split(".")[0] for topic in shown.TOPICS} == {
        *("appointment", "extension", "host", "post", "proposal", "rulebook", "task", "unit", "webhook")
    }
    assert set(told) >= shown.TOPICS
    assert not any(told[topic].SECRET for topic in shown.TOPICS)  # type: ignore[attr-defined]
