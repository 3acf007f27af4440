"""The OpenAPI document is valid, and says of every route what it takes, answers and refuses."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from pydantic import TypeAdapter

import api
from api import schemas
from tests.api.world import World

COMMANDS = ("post", "put", "delete")
ASIDE = ("/preview", "/check", "/import")


def model(name: str) -> Any:
    modules = (import_module(f"api.{found.name}") for found in iter_modules(api.__path__))
    return next(getattr(module, name) for module in modules if hasattr(module, name))


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    found: dict[str, Any] = (await world.client.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(ref := value.get("$ref"), str):
            yield ref
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


async def test_it_is_valid_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPI.model_validate(document)
    schemas = document["components"]["schemas"]
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas
    assert "HTTPValidationError" not in schemas


async def test_every_operation_has_an_id_of_its_own_a_tag_and_a_summary(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    tags = {tag["name"] for tag in document["tags"]}
    for _, _, operation in operations(document):
        assert operation["summary"]
        assert set(operation["tags"]) <= tags
        assert operation["tags"]


async def test_every_route_documents_its_problems(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if not path.startswith("/v1"):
            continue
        needed = {"401", "422", "500", "503"} | ({"403", "409", "413", "415"} if method in COMMANDS else set())
        if "{" in path:
            needed |= {"404"}
        answers = operation["responses"]
        assert needed <= answers.keys(), f"{method} {path}"
        for status, answer in answers.items():
            if status >= "4":
                assert answer["content"].keys() == {"application/problem+json"}, f"{method} {path} {status}"


async def test_every_command_takes_an_idempotency_key_and_tells_its_version(document: dict[str, Any]) -> None:
    commands = [
        (path, operation)
        for path, method, operation in operations(document)
        # A code is used once by its nature, and what concerns people stands in no log: it has no position or version.
        # A preview changes nothing, and an import many things.
        if method in COMMANDS
        and not ({"sign-in", "register", "notices"} & set(operation["tags"]) or path.endswith(ASIDE))
    ]
    assert len(commands) > 30
    for path, operation in commands:
        taken = {parameter["name"] for parameter in operation["parameters"]}
        assert {"Idempotency-Key", "If-Match"} <= taken, path
        assert operation["security"], path
        (success,) = (answer for status, answer in operation["responses"].items() if status < "300")
        secret = path.startswith("/v1/ballots/")  # a version would count the votes
        assert success["headers"].keys() >= {"Yuetan-Position"} | (set() if secret else {"ETag"}), path
        assert ("Location" in success["headers"]) == ("201" in operation["responses"]), path


async def test_every_body_has_an_example_that_it_takes(document: dict[str, Any]) -> None:
    names = {
        reference.rpartition("/")[2]
        for _, _, operation in operations(document)
        for reference in references(operation.get("requestBody"))
    }
    assert len(names) > 20
    for name in names:
        (example,) = document["components"]["schemas"][name]["examples"]
        TypeAdapter(model(name)).validate_python(example)


async def test_every_command_has_an_example_of_its_answer(document: dict[str, Any]) -> None:
    answers = {
        reference.rpartition("/")[2]
        for _, method, operation in operations(document)
        for reference in references({k: v for k, v in operation["responses"].items() if k < "300"})
        if method in COMMANDS
    }
    assert answers == {
        "PetitionState",
        "BallotState",
        "ProposalState",
        "CalendarFeed",
        "MeetingState",
        "TaskState",
        "Call",
        "ReplyState",
        "PolicyVersion",
        "ImportReport",
        "AppointmentState",
        "ExtensionState",
        "IntakeState",
        "LinkState",
        "Conspicuous",
        "DraftState",
        "Signed",
        "SigningLink",
        "Holidays",
        "HostEntry",
        "PostEntry",
        "UnitEntry",
        "WebhookState",
        "WebhookWithSecret",
        "CodeAsked",
        "NoticeSettings",
        "Registered",
        "SignedIn",
        "ReportState",
    }
    for name in answers:
        (example,) = document["components"]["schemas"][name]["examples"]
        assert model(name).model_validate(example).model_dump(mode="json", exclude_none=True) == example


async def test_the_examples_are_real_topics(document: dict[str, Any]) -> None:
    (example,) = document["components"]["schemas"]["NewPetition"]["examples"]
    assert example["topic"] == "小区低洼地排涝改造"
    assert schemas.NewPetition.model_validate(example).category == "grievance"
