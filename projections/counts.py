"""How many have signed, as it is told to those who have not: as it stood at the last fixed time, and in steps.

SQL for a table with the columns ``COUNT`` and ``threshold``. domain/disclosure.py says what is told.
"""

from domain.disclosure import FEWEST

COUNT = """signatures int NOT NULL DEFAULT 1,
    every int NOT NULL, -- seconds between two fixed times; 0: told at once
    counted_at timestamptz NOT NULL, -- the fixed time before the last change; infinity: told as it stands
    -- as of the last fixed time before that
    signatures_before int NOT NULL DEFAULT 0"""


def _fixed(at: str) -> str:
    """The last fixed time before this moment, reckoned from midnight in China; where ``every`` is not 0."""
    seconds = f"extract(epoch FROM {at}::timestamptz)"
    return f"to_timestamp(floor(({seconds} + 28800) / nullif(every, 0)) * every - 28800)"


def _as_of(at: str) -> str:
    return f"CASE WHEN counted_at >= {_fixed(at)} THEN signatures_before ELSE signatures END"


def counted(at: str, change: str) -> str:
    """Assignments: somebody signs or steps out."""
    return (
        f"signatures_before = {_as_of(at)}, signatures = signatures + {change},"
        f" counted_at = greatest(counted_at, {_fixed(at)})"
    )


# Whoever steps out after submission moves no count that is told.
COUNTED_FOR_GOOD = (
    "signatures_before = signatures, counted_at = CASE WHEN signatures >= threshold THEN 'infinity' ELSE counted_at END"
)


def told(at: str) -> str:
    """What is told at this moment, an SQL expression."""
    count = f"({_as_of(at)})"
    steps = f"{count} - {count} % {FEWEST}"
    return f"CASE WHEN every = 0 THEN signatures ELSE greatest({steps}, threshold * ({count} >= threshold)::int) END"
