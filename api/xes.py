"""Histories as IEEE 1849 event logs (XES), one trace for each petition, bit by bit: concept, time, lifecycle and
organizational extension. Of a resident there is a role."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from xml.sax.saxutils import quoteattr

from projections.process import Row

EXTENSIONS = {"Concept": "concept", "Time": "time", "Lifecycle": "lifecycle", "Organizational": "org"}
BEGINNING = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
"""
GLOBALS = """<global scope="trace">
<string key="concept:name" value=""/>
</global>
<global scope="event">
<string key="concept:name" value=""/>
<date key="time:timestamp" value="1970-01-01T00:00:00.000Z"/>
<string key="lifecycle:transition" value="complete"/>
<string key="org:role" value=""/>
</global>
<classifier name="Step" keys="concept:name"/>
<string key="lifecycle:model" value="standard"/>
"""


async def xes(pages: AsyncIterator[list[Row]], organisations: Mapping[UUID, tuple[str, str]]) -> AsyncIterator[str]:
    """``pages``: of petitions, each with its ``steps``."""
    declared = (
        f'<extension name="{name}" prefix="{prefix}" uri="http://www.xes-standard.org/{prefix}.xesext"/>\n'
        for name, prefix in EXTENSIONS.items()
    )
    yield BEGINNING + "".join(declared) + GLOBALS
    async for page in pages:
        yield "".join(_trace(petition, organisations) for petition in page)
    yield "</log>\n"


def _trace(petition: Row, organisations: Mapping[UUID, tuple[str, str]]) -> str:
    host = organisations.get(petition["host_id"])
    known = {
        "concept:name": petition["id"],
        "category": petition["category"],
        "phase": petition["phase"],
        "host": host and host[1],
    }
    lines = ["<trace>\n", *_attributes(known)]
    for step in petition["steps"]:
        org = organisations.get(step["on_behalf_of"])
        told = {
            "concept:name": step["step"],
            "time:timestamp": step["at"],
            "lifecycle:transition": "complete",
            "org:role": step["role"],
            "org:group": org and org[1],
            "group_id": step["on_behalf_of"],
            "subject": step["subject_id"],
            "phase": step["phase"],
            "position": step["position"],
        }
        lines += ["<event>\n", *_attributes(told), "</event>\n"]
    return "".join([*lines, "</trace>\n"])


def _attributes(told: Mapping[str, Any]) -> list[str]:
    return [
        f"<{_type(value)} key={quoteattr(key)} value={quoteattr(_said(value))}/>\n"
        for key, value in told.items()
        if value is not None
    ]


def _type(value: Any) -> str:
    return (
        "date"
        if isinstance(value, datetime)
        else "int"
        if isinstance(value, int)
        else "id"
        if isinstance(value, UUID)
        else "string"
    )


def _said(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
