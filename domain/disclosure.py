"""What may be told of numbers behind which people stand, and when (statistical disclosure control).

A count that moves shows whoever was seen at the door just then. So counts of signatures are told as they stood at fixed
times, and in steps; judgements as totals, from five on. docs/decisions/what-is-told-of-signers.md
"""

from datetime import datetime, timedelta

from domain.calendar import CHINA

FEWEST = 5  # people whose judgements are told together
MIDNIGHT = datetime(2000, 1, 1, tzinfo=CHINA)  # from which fixed times are reckoned
A_DAY = 86_400  # seconds


def next_told(at: datetime, every: int) -> datetime:
    """The first fixed time at or after this moment; the moment itself where counts are told at once (every 0 s)."""
    return at + (MIDNIGHT - at) % timedelta(seconds=every) if every else at


def at_least(count: int, threshold: int) -> int:
    """In steps of five; that the threshold is reached is told as well."""
    return max(count - count % FEWEST, threshold if count >= threshold else 0)
