"""``python -m tests.benchmarks [store | order [EVENTS] | NAME]``: NAME of `OTHERS`; without one, all but `ASKED`."""

import asyncio
import sys
import tempfile
from pathlib import Path

import uvloop

from infra.database import connect
from infra.embedded import PostgreSQL
from tests.benchmarks import console, crowd, process, proof, replay, sealing, similar
from tests.benchmarks.store import compare, new_database
from tests.faults.order import follow_many_writers

OTHERS = {
    "sealing": sealing.measure,
    "proof": proof.measure,
    "replay": replay.measure,
    "process": process.measure,
    "console": console.measure,
    "similar": similar.measure,
    "crowd": crowd.measure,
}
ASKED = {"similar", "crowd"}  # only when asked for


async def order(url: str, events: int) -> bool:
    pool = await connect(made := await new_database(url, "order_test"))
    report = await follow_many_writers(made, pool, processes=16, events=events)
    await pool.close()
    print(
        f"16 writing processes, one follower, {report.events:,} events in {report.seconds:.0f} s:"
        f" {report.missed} missed, {report.twice} twice, {report.out_of_order} out of order"
    )
    return (report.missed, report.twice, report.out_of_order) == (0, 0, 0)


async def main(which: str = "all", events: str = "200000") -> None:
    with tempfile.TemporaryDirectory(prefix="yuetan-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # started by root, PostgreSQL's user must be able to enter it
        async with PostgreSQL(folder) as url:
            if which in ("all", "store"):
                await compare(url)
            if which in ("all", "order") and not await order(url, int(events)):
                sys.exit("the order of the log was broken")
            for name in [n for n in OTHERS if n not in ASKED] if which == "all" else {which} & OTHERS.keys():
                (folder / name).mkdir()
                await OTHERS[name](url, folder / name)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as every command of ours has it
        runner.run(main(*sys.argv[1:]))
