"""The demo as a newcomer runs it, and what Temporal has to say of it afterwards."""

import asyncio
import json

from temporalio.client import WorkflowExecutionStatus

from api.demo.play import EXPECTED, topics
from tests.programs import new_folder, program, run, temporal_of


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
        async with program("up", *data, "--port", "0") as engine:
            print(f"ready the second time in {engine.ready_in} s")
            temporal = await temporal_of(engine)
            for petition in told["petitions"]:
                workflow = temporal.get_workflow_handle(petition["id"])
                status = (await workflow.describe()).status
                if petition["phase"] == "rejected":  # for a month it may be amended and filed again
                    assert status == WorkflowExecutionStatus.RUNNING
                    continue
                assert status == WorkflowExecutionStatus.COMPLETED, petition
                assert await workflow.result() == petition["phase"]
