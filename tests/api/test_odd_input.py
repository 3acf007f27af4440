"""Whatever is sent wherever, by whomever: an answer or a problem, and never our fault."""

import json
from collections import defaultdict
from typing import Any

from tests.api.test_openapi import operations, references
from tests.api.test_sign_in import register
from tests.api.world import ADMIN, AUDITOR, CLERK, SUPERVISOR, World, resident, somewhere

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\0",
    "\ud800",
    "\u202e\u200b",
    "' OR 1=1; --",
    '{"a": 1}',
    "00000000-0000-0000-0000-000000000000",
    "2026-02-30",
    "9999-12-31T23:59:60Z",
    "长" * 20_000,
    [],
    [[]],
    {},
    {"\ud800": "\0"},
    ["x"] * 300,
]


async def test_no_input_however_odd_is_our_fault(new_world: World) -> None:
    world = new_world  # for it renames, appoints and ends whatever it can
    document = (await world.client.get("/openapi.json")).json()
    path = await world.in_progress()
    page = await world.get(CLERK, path)
    webhook = await world.post(ADMIN, "/v1/webhooks", url="https://a.example/")
    ids: dict[str, str] = defaultdict(lambda: str(somewhere()))  # what is made for other tests: of nothing
    ids |= {
        "petition_id": page["id"],
        "meeting_id": page["meetings"][0]["id"],
        "task_id": page["tasks"][0]["id"],
        "host_id": str(world.host.org),
        "post_id": str(world.official.org),
        "unit_id": str(world.officer.org),
        "digest": "0" * 64,
        "webhook_id": webhook["id"],
        "report_id": (await world.post(resident(1), "/v1/reports", text="物业停了车位。"))["id"],
        "version": "2026-11",
        "appointment_id": page["id"],
        "number": "1",
        "person_id": await register(world, "张小华", phones=["13700000007"]),
    }
    people = (ADMIN, CLERK, SUPERVISOR, AUDITOR, resident(1), world.host, world.official, world.officer)
    tokens = [world.issuer.token(who.role, who.subject, who.org) for who in people]
    sent = 0

    async def send(method: str, address: str, content: bytes | None, **query: str) -> None:
        nonlocal sent
        sent += 1
        headers = {"Authorization": f"Bearer {tokens[sent % len(tokens)]}", "Content-Type": "application/json"}
        answer = await world.client.request(method, address, content=content, headers=headers, params=query)
        assert answer.status_code < 500, f"{method} {address} {content!r:.200} {query}: {answer.text}"
        if answer.content:
            kind = "application/problem+json" if answer.is_error else "application/json"
            assert answer.headers["Content-Type"] == kind

    for route, method, operation in operations(document):
        address = route.format_map(ids)
        if address in ("/v1/events", "/metrics", "/readyz"):
            continue
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query" and parameter["name"] != "after":
                for odd in ("", "\0", "x", "-1", "9" * 40, "%", "长" * 300, "2026-13-01T00:00:00Z"):
                    await send(method, address, None, **{parameter["name"]: odd})
        for name in {reference.rpartition("/")[2] for reference in references(operation.get("requestBody"))}:
            schema = document["components"]["schemas"][name]
            (example,) = schema["examples"]
            for odd in ODD:
                await send(method, address, json.dumps(odd).encode())
                for field in schema.get("properties", ()):
                    await send(method, address, json.dumps(example | {field: odd}).encode())
    assert sent > 1_000
