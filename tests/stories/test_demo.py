"""The demo as a newcomer runs it, and what Temporal has to say of it afterwards."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import WorkflowExecutionStatus

from api.demo.play import EXPECTED, topics
from infra.database import connect
from infra.embedded import PostgreSQL
from infra.sealing import Keyring
from tests.programs import ROOT, new_folder, program, run, temporal_of, tokens
from tests.projections.test_process import NEVER_LEFT_OUT
from tests.stories.replayed import assert_replayed


async def test_every_topic_comes_to_its_end_and_so_does_its_workflow() -> None:
    with new_folder() as folder:
        data = ("--data-dir", folder / "data")
        done = await asyncio.to_thread(run, "demo", "--json", *data, timeout=150)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["as_expected"] is True
        ends = {petition["case"]: (petition["phase"], petition["rounds"]) for petition in told["petitions"]}
        assert ends.keys() == {topic["id"] for topic in topics()}
        assert EXPECTED.keys() <= ends.keys()
        assert ends["grocery"] == ("lapsed", 1)
        assert ends["parking"] == ("rejected", 1)
        assert ends["flooding"] == ("merged", 1)
        assert ends["zombie-cars"] == ("closed", 2)
        assert [phase for phase, _ in ends.values()].count("closed") == len(ends) - 3
        one = told["petitions"][0]["id"]
        shown = await asyncio.to_thread(run, "replay", one, "--subject", "auditor", "--json", *data)
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["state"][0]["phase"] == "closed"
        async with PostgreSQL(folder / "data") as url:
            pool = await connect(url)
            assert await pool.fetchval("SELECT count(*) FROM accesses WHERE role = 'auditor' AND act = 'state'") == 1
            await assert_replayed(pool, Keyring(pool, folder / "data" / "keys"), {p["id"] for p in told["petitions"]})
            await pool.close()
        async with program("up", *data, "--port", "0") as engine:
            print(f"ready the second time in {engine.ready_in} s")
            temporal = await temporal_of(engine)
            shown = await asyncio.to_thread(run, "replay", "--district", "--subject", "auditor", *data)
            assert "响应率 response" in shown.stdout, shown.stderr
            for petition in told["petitions"]:
                workflow = temporal.get_workflow_handle(petition["id"])
                status = (await workflow.describe()).status
                if petition["phase"] == "rejected":  # for a month it may be amended and filed again
                    assert status == WorkflowExecutionStatus.RUNNING
                    continue
                assert status == WorkflowExecutionStatus.COMPLETED, petition
                assert await workflow.result() == petition["phase"]
            async with httpx.AsyncClient(base_url=engine.url) as client:
                client.headers["Authorization"] = f"Bearer {tokens(folder / 'data/keys')('auditor', 'auditor', None)}"
                await process_miners_agree(client, folder)


async def process_miners_agree(client: httpx.AsyncClient, folder: Path) -> None:
    """pm4py reads what auditors export, and finds every history fitting; without one of its steps it does not fit."""
    for path, name in (("ocel", "petitions.jsonocel"), ("xes", "petitions.xes"), ("model", "course.pnml")):
        answer = await client.get(f"/v1/process/{path}")
        assert answer.status_code == 200
        (folder / name).write_bytes(answer.content)
        told = answer.text
        assert not [topic["id"] for topic in topics() if topic["topic"] in told]
    command = (sys.executable, "-W", "ignore", "-m", "tests.process_mining", folder, *NEVER_LEFT_OUT)
    miner = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    said, complained = await miner.communicate()
    assert miner.returncode == 0, complained.decode()
    mined: dict[str, Any] = json.loads(said)
    assert len(mined["fitness"]) == len(topics())
    assert {case: fitness for case, fitness in mined["fitness"].items() if fitness != 1.0} == {}
    assert mined["cut"].keys() == set(NEVER_LEFT_OUT)
    assert {step: fitness for step, fitness in mined["cut"].items() if fitness >= 1.0} == {}
    assert mined["events"] == Counter(step for steps in mined["steps"].values() for step in steps)
    assert mined["objects"]["petition"] == len(mined["steps"])
    for case, steps in mined["steps"].items():
        history = (await client.get(f"/v1/petitions/{case}/history?limit=200")).json()["items"]
        assert [entry["type"] for entry in history if entry["type"] != "petition.ThresholdReached"] == steps
