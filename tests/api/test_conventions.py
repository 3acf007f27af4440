"""What holds for every request: repeating it, versions, positions, identities, and how errors look."""

import asyncio
import logging
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import jwt
import pytest

from domain.command import Role
from infra.identity import Issuer
from infra.repository import Repository, Unavailable
from tests.api.checks import by, is_problem, nothing_appended
from tests.api.world import ADMIN, CLERK, Person, World, resident

BEARER = 'Bearer realm="yuetan"'


# Repeating


async def test_the_same_key_and_body_get_the_same_answer_whatever_happened_since(world: World) -> None:
    path = await world.collecting(2)
    sign = (resident(3), "POST", f"{path}/co-signatures")
    first = await world.send(*sign, None, Idempotency_Key="my third")
    await world.post(resident(4), f"{path}/co-signatures")
    async with nothing_appended(world):
        again = await world.send(*sign, None, Idempotency_Key="my third")
    assert again.content == first.content
    for header in ("ETag", "Yuetan-Position"):
        assert again.headers[header] == first.headers[header]
    assert (first.headers["ETag"], first.json()["signatures"]) == ('"1"', 3)


async def test_a_key_used_again_gets_the_first_answer_from_another_process(world: World) -> None:
    """A repository of its own has nothing in memory, like a process that has just started."""
    path = await world.collecting(2)
    first = await world.send(resident(3), "POST", f"{path}/co-signatures", None, Idempotency_Key="k")
    services = world.app.state.services
    world.app.state.services = type(services)(**{**vars(services), "repository": Repository(world.store)})
    try:
        async with nothing_appended(world):
            again = await world.send(resident(3), "POST", f"{path}/co-signatures", None, Idempotency_Key="k")
    finally:
        world.app.state.services = services
    assert again.content == first.content


async def test_a_creation_is_repeated_with_its_address_and_its_sealed_words(world: World) -> None:
    key = str(uuid4())
    answers = [
        await world.send(resident(1), "POST", "/v1/petitions", world.topic(), Idempotency_Key=key) for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {201}
    assert len({(answer.content, answer.headers["Location"]) for answer in answers}) == 1
    assert answers[0].headers["Location"] == f"/v1/petitions/{answers[0].json()['id']}"


async def test_the_same_key_sent_many_times_at_once_acts_once(world: World) -> None:
    path = await world.collecting(2)
    sign = (resident(3), "POST", f"{path}/co-signatures", None)
    answers = await asyncio.gather(*(world.send(*sign, Idempotency_Key="at once") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["signatures"] == 3


async def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    path = await world.submitted()
    reject = {"reason_code": "other", "explanation": "理由一。"}
    assert (await world.send(CLERK, "POST", f"{path}/rejection", reject, Idempotency_Key="one")).is_success
    async with nothing_appended(world):
        other = reject | {"explanation": "理由二。"}
        answer = await world.send(CLERK, "POST", f"{path}/rejection", other, Idempotency_Key="one")
    is_problem(answer, 422, "idempotency-key-reused", "Idempotency-Key")


async def test_a_key_is_ones_own_and_belongs_to_one_address(world: World) -> None:
    path, other = await world.collecting(1), await world.collecting(1)
    for who, where in ((resident(2), path), (resident(3), path), (resident(2), other)):
        answer = await world.send(who, "POST", f"{where}/co-signatures", None, Idempotency_Key="same")
        assert answer.is_success
    assert answer.json()["signatures"] == 2


async def test_a_refused_command_may_be_sent_again_under_its_key(world: World) -> None:
    path = await world.collecting(9)
    opinion = (world.host, "POST", f"{path}/host-opinion", {"opinion": "情况属实。"})
    is_problem(await world.send(*opinion, Idempotency_Key="o"), 409, "threshold-not-reached")
    await world.post(resident(10), f"{path}/co-signatures")
    assert (await world.send(*opinion, Idempotency_Key="o")).json()["phase"] == "submitted"


@pytest.mark.parametrize("key", ["", "长", "a\tb", "x" * 256])
async def test_a_key_is_short_and_printable(world: World, key: str) -> None:
    token = world.issuer.token(Role.RESIDENT, "resident-1")
    headers = {b"Authorization": f"Bearer {token}".encode(), b"Idempotency-Key": key.encode()}
    async with nothing_appended(world):
        answer = await world.client.post("/v1/petitions", json=world.topic(), headers=headers)
    is_problem(answer, 422, "invalid-input", "Idempotency-Key")


async def test_neither_keys_nor_subjects_nor_words_enter_the_log(world: World) -> None:
    who, key = Person(Role.RESIDENT, "zhang-aizhen"), "from-zhangs-phone"
    answer = await world.send(who, "POST", "/v1/petitions", world.topic(), Idempotency_Key=key)
    events = await world.store.select_events(UUID(answer.json()["id"]))
    rows = await world.store.pool.fetch("SELECT digest::text, command_id::text FROM commands")
    log = b"".join(event.state for event in events) + str(rows).encode()
    for secret in (who.subject, key, "张阿婆", "排涝", world.topic()["details"].encode().hex()):
        assert secret.encode() not in log
    other = await world.send(who, "POST", "/v1/petitions", world.topic())
    (first,), (second,) = events, await world.store.select_events(UUID(other.json()["id"]))
    assert by(first) != by(second)


# Versions and positions


async def test_an_answer_names_the_version_and_the_position(world: World) -> None:
    path = await world.collecting(2)
    answer = await world.send(resident(3), "POST", f"{path}/co-signatures")
    assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'
    assert int(answer.headers["Yuetan-Position"]) == await world.store.max_notification_id()
    page = await world.read(world.host, path)
    assert (page.headers["ETag"], page.json()["signatures"]) == (answer.headers["ETag"], 3)


async def test_a_position_that_never_comes_is_not_waited_for_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.deps.PATIENCE_SECONDS", 0.05)
    answer = await world.send(None, "GET", "/v1/petitions?after=9000000000")
    is_problem(answer, 503, "not-caught-up", "?after")
    assert answer.headers["Retry-After"] == "1"
    for nonsense in ("-1", "x", str(2**63), ""):
        is_problem(await world.send(None, "GET", f"/v1/petitions?after={nonsense}"), 422, "invalid-input", "?after")


# Who asks


async def test_without_a_valid_token_nothing_is_done(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = await world.collecting(1)
    stranger = Issuer(tmp_path_factory.mktemp("other"))
    old = world.issuer.token(Role.RESIDENT, "resident-2", lifetime=timedelta(hours=-1))
    alone = jwt.encode({"sub": "resident-2", "role": "resident"}, "secret" * 8, algorithm="HS256")
    unsigned = jwt.encode({"sub": "resident-2", "role": "resident"}, "", algorithm="none")
    robot = world.issuer.token(Role.WORKFLOW, "yuetan")
    async with nothing_appended(world):
        answer = await world.client.post(f"{path}/co-signatures")
        is_problem(answer, 401, "unauthenticated", "Authorization")
        assert answer.headers["WWW-Authenticate"] == BEARER
        for token in ("x", old, alone, unsigned, robot, stranger.token(Role.RESIDENT, "resident-2"), ""):
            headers = {"Authorization": f"Bearer {token}"}
            answer = await world.client.post(f"{path}/co-signatures", headers=headers)
            is_problem(answer, 401, "unauthenticated", "Authorization")
            assert answer.headers["WWW-Authenticate"].startswith(f"{BEARER}, error=")
            is_problem(
                await world.client.get("/v1/petitions", headers=headers), 401, "unauthenticated", "Authorization"
            )
        answer = await world.client.get("/v1/petitions", headers={"Authorization": "Basic cmVzaWRlbnQ6Mg=="})
        is_problem(answer, 401, "unauthenticated", "Authorization")


async def test_whoever_tries_doors_is_noticed_but_not_named(world: World, caplog: pytest.LogCaptureFixture) -> None:
    path = await world.collecting(1)
    with caplog.at_level(logging.WARNING, "api.access"):
        await world.send(Person(Role.CLERK, "clerk-li"), "POST", f"{path}/co-signatures")
        await world.client.post(f"{path}/co-signatures")
    forbidden, unknown = caplog.messages
    route = "route=/v1/petitions/{petition_id}/co-signatures"
    assert forbidden.startswith(f"refused status=403 code=forbidden method=POST {route} role=clerk")
    assert unknown.startswith(f"refused status=401 code=unauthenticated method=POST {route} role=-")
    assert "clerk-li" not in caplog.text
    assert path[-36:] not in caplog.text


# Errors


async def test_an_address_or_method_that_is_none_is_a_problem_too(world: World) -> None:
    for nowhere in ("/nowhere", "/v1", "/v1/petitions/", "/v2/petitions", "/docs"):
        is_problem(await world.client.get(nowhere), 404, "not-found")
    answer = await world.client.patch("/v1/petitions")
    is_problem(answer, 405, "method-not-allowed")
    assert set(answer.headers["Allow"].split(", ")) <= {"GET", "POST"}


async def test_what_nobody_foresaw_is_logged_and_told_to_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("张阿婆")

    monkeypatch.setattr(world.repository, "execute", fail)
    answer = await world.send(ADMIN, "POST", "/v1/hosts", {"name": "划船社区", "kind": "community"})
    problem = is_problem(answer, 500, "internal")
    assert "张阿婆" not in answer.text
    assert problem["request_id"] in caplog.text


@pytest.mark.parametrize("error", [Unavailable("busy"), ConnectionRefusedError(), TimeoutError()])
async def test_when_the_database_is_away_the_same_request_may_be_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(world.repository, "execute", fail)
    answer = await world.send(ADMIN, "POST", "/v1/hosts", {"name": "划船社区", "kind": "community"})
    is_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


async def test_no_two_requests_share_an_id(world: World) -> None:
    ids = {(await world.client.get("/livez")).headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3


async def test_answers_are_not_kept_by_caches(world: World) -> None:
    answer: httpx.Response = await world.client.get("/v1/petitions")
    assert answer.headers["Cache-Control"] == "no-store"
