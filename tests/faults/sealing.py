"""A process that seals without rest: each checkpoint is a line of output. Run as
``python -m tests.faults.sealing URL FOLDER``."""

import asyncio
import os
import sys
from pathlib import Path

from infra.database import connect
from infra.publication import FolderShelf, Publication
from infra.transparency import Sealer

ORIGIN = "district.example/yuetan"


async def main(url: str, folder: Path) -> None:
    pool = await connect(url, max_size=2)
    sealer = Sealer(pool, folder / "seeds", Publication(FolderShelf(folder / "proof")), ORIGIN)
    while True:
        if sealed := await sealer.seal():
            os.write(1, b"%d\n" % sealed.checkpoint.size)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
