"""The front door: the command line, and the only place that wires the parts together."""

import argparse
import asyncio
import functools
import logging
import os
import shutil
import signal
import smtplib
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import uvicorn
import uvloop
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig

from api import entering, replaying
from api.app import create_app
from api.demo import show
from api.demo.district import Refused
from api.deps import STAFF
from domain.command import Role
from domain.policy import Policy
from infra import accesses, bundle, note, policies, terminal, transparency, verification
from infra.belonging import belong_together
from infra.correspondents import Correspondents
from infra.database import NewerDatabase, connect
from infra.database import migrate as apply_migrations
from infra.embedded import PostgreSQL, Temporal, answers, data_folder
from infra.erasure import Erasures
from infra.event_store import EventStore
from infra.files import Bucket, Files, Folder
from infra.gateway import Console, Outside
from infra.identity import LONGEST_SUBJECT, Issuer, IssuerUnreachable, Verifier, is_subject
from infra.log_verification import verify_log
from infra.outbound import Outbound
from infra.people import People
from infra.publication import BucketShelf, FolderShelf, Publication, Shelf
from infra.register import MASTER, Register
from infra.rejections import Settling
from infra.repository import Repository, Unavailable
from infra.sealing import Keyring, secret
from infra.settings import CannotStart, FolderInUse, Settings, default_folder
from infra.sign_in import SignIn
from infra.single_sign_on import SingleSignOn
from infra.slips import Slips
from infra.transparency import Sealer, Stopped
from projections import projector, shown, similar
from projections.notice_sender import NoticeSender
from projections.projector import READ_MODELS, Projector, RebuildRefused
from projections.webhook_sender import Secrets, Sender
from workflows.activities import Activities
from workflows.holidays import Holidays
from workflows.relay import Relay, namespace_id
from workflows.worker import run_worker

ROLES = [role.value for role in Role if role is not Role.WORKFLOW]
SAID = (CannotStart, bundle.NotSealed, Stopped, NewerDatabase, RebuildRefused, show.PolicyTooSlow)  # in one line
CONNECTIONS = 20  # of one process to PostgreSQL
GOODBYE_SECONDS = 3  # that open HTTP requests get when we stop
ISSUER_SECONDS = 5  # that an identity provider may take to answer
GATEWAY_SECONDS = 10  # that an SMS gateway may take

Say = Callable[[str], None]
Tokens = Callable[[str, str, str | None], str]
Work = Coroutine[Any, Any, Any]


# Commands


async def up(args: argparse.Namespace) -> int:
    settings = _settings(args)
    started = time.monotonic()
    async with engine(settings, say) as url:
        program = "yuetan" if shutil.which("yuetan") else os.path.relpath(sys.argv[0])
        folder = f" --data-dir {args.data_dir}" if args.data_dir else ""
        say(f"ready in {time.monotonic() - started:.1f} s at {url} (Ctrl-C stops it)")
        say(f"a token: {program} token{folder} --role ROLE --subject NAME [--org ID]")
        say(f"         with ROLE one of {' '.join(ROLES)}")
        if args.play:
            if not await show.play_one(url, tokens(settings)):
                raise CannotStart("the petition did not end as it was written to; see above")
            say(f"up and played in {time.monotonic() - started:.0f} s; the engine stays up at {url}")
        await asyncio.Event().wait()
    return 0


async def demo(args: argparse.Namespace) -> int:
    settings = _settings(args)
    if args.url:
        return 0 if await _play_elsewhere(args.url, settings, as_json=args.json) else 1
    policy = settings.policy or Path(show.__file__).with_name("policy.toml")
    async with engine(replace(settings, port=0, policy=policy), whisper) as url:
        return 0 if await show.play_all(url, tokens(settings), as_json=args.json) else 1


async def _play_elsewhere(url: str, settings: Settings, *, as_json: bool) -> bool:
    try:
        async with httpx.AsyncClient() as http:
            (await http.get(f"{url}/livez")).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CannotStart(f"no engine answers at {url}: {error}") from error
    try:
        return await show.play_all(url, tokens(settings), as_json=as_json)
    except* (Refused, TimeoutError) as group:
        why = str(group.exceptions[0]) or "it took too long"
        raise CannotStart(
            f"{url} does not play along: {why}; it wants api/demo/policy.toml, and its own --data-dir here"
        ) from group


async def api(args: argparse.Namespace) -> int:
    settings = _settings(args)
    with listening(settings) as (sock, url):
        async with parts(settings, *_outside(settings)) as held, running(serve_api(held, sock)):
            say(f"serving at {url}")
            await asyncio.Event().wait()
    return 0


async def worker(args: argparse.Namespace) -> int:
    settings = _settings(args)
    async with (
        parts(settings, *_outside(settings)) as held,
        running(*background(held, Relay(held.store, held.temporal))),
    ):
        say("working: workflows, relay, projector and webhooks")
        await asyncio.Event().wait()
    return 0


async def migrate(args: argparse.Namespace) -> int:
    settings = _settings(args)
    async with database(settings) as url, pool_of(url) as pool:
        applied = await apply_migrations(pool)
    print("\n".join(f"applied {name}" for name in applied) or "the database is up to date")
    return 0


async def rebuild(args: argparse.Namespace) -> int:
    settings = _settings(args)
    for name in args.read_model:
        if name not in READ_MODELS:
            raise CannotStart(f"there is no read model {name}; there are {', '.join(READ_MODELS)}")
    models = [READ_MODELS[name] for name in args.read_model]
    async with existing_log(settings) as pool:
        await projector.rebuild(EventStore(pool), Keyring(pool, settings.keys), models, _tell_progress)
    return 0


def _tell_progress(name: str, position: int, head: int) -> None:
    whisper(f"{name}: {position} of {head}")


async def token(args: argparse.Namespace) -> int:
    settings = _settings(args)
    if not settings.keys.is_dir():
        raise CannotStart(f"there is no {settings.keys}; run `yuetan up` first, or name its folder with --data-dir")
    if not is_subject(args.subject):
        raise CannotStart(f"--subject must have 1 to {LONGEST_SUBJECT} printable characters")
    print(tokens(settings)(args.role, args.subject, args.org))
    return 0


async def rotate_key(args: argparse.Namespace) -> int:
    settings = _settings(args)
    async with existing_log(settings) as pool:
        sealer = _sealer(pool, settings)
        try:
            await sealer.seal()
            key = await sealer.rotate()
            await sealer.seal()
        except (Stopped, Unavailable) as error:
            raise CannotStart(f"{error}") from error
    say(f"checkpoints are signed by {key} from now on; tell it to whoever checks them")
    return 0


async def enter(args: argparse.Namespace) -> int:
    settings = _settings(args)
    if not settings.keys.is_dir():
        raise CannotStart(f"there is no {settings.keys}; name the folder of the engine with --data-dir")
    staff = tokens(settings)("host_staff", args.subject, args.org)
    try:
        return 0 if await entering.enter(args.url, staff, args.org, args.file) else 1
    except entering.NotEntered as error:
        raise CannotStart(str(error)) from error


async def export(args: argparse.Namespace) -> int:
    settings = _settings(args)
    async with _log(settings) as (pool, _):
        await belong_together(pool, settings.keys)
        with suppress(Unavailable):  # what cannot be published just now is signed all the same
            await _sealer(pool, settings).seal()
        people = People(pool, secret(settings.keys, "people.key"))
        subject = await people.pseudonym(args.subject, STAFF) if args.subject else ""
        await accesses.at_terminal(pool, people, "export", complete=args.complete, subject=subject)
        output = args.output or Path(f"yuetan-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.zip")
        with terminal.new_file(output) as file, terminal.progress("导出 exporting") as tell:
            manifest = await bundle.write(pool, file, (lambda _: False) if args.complete else shown.withheld, tell)
    if args.complete:
        whisper("内含全部签名与评价记录(化名),只可交法院等有权机关。")
        whisper("It holds every signature and judgement, by pseudonyms: it is for a court, and for nobody else.")
    counts = f"{manifest['size']} events, {manifest['withheld']} of them by their hashes alone"
    say(f"{output}: {counts}, root {manifest['root']}")
    return 0


async def verify(args: argparse.Namespace) -> int:
    """A bundle takes neither a database nor the settings of one."""
    settings = None if args.file else _settings(args)
    try:
        trusted = [note.Verifier.parse(key) for key in args.key]
        given = [one for path in args.checkpoint for one in verification.earlier(path)]
        if settings:
            given += await _published(settings)
    except (ValueError, OSError, verification.Unreadable) as error:
        raise CannotStart(str(error)) from error
    with terminal.progress("核验 verifying") as tell:
        if settings is None:
            report = await asyncio.to_thread(verification.verify_bundle, args.file, trusted, given, tell)
        else:
            async with _log(settings) as (pool, url):
                report = await verify_log(pool, url, trusted, given, tell)
    for line in [report.json()] if args.json else terminal.told(report):
        say(line)
    return 0 if report.ok else 1


async def replay(args: argparse.Namespace) -> int:
    settings = _settings(args)
    if (args.id is None) != args.district:
        raise CannotStart("name one petition by its id, or say --district for all of them")
    if not is_subject(args.subject):
        raise CannotStart(f"--subject must have 1 to {LONGEST_SUBJECT} printable characters")
    if args.district and (args.position is not None or args.since):
        raise CannotStart("--position and --since are of a petition; of the district say --as-of")
    async with auditing(settings) as (app, head):
        auditor = replaying.Auditor(app, tokens(settings)("auditor", args.subject, None), head)
        try:
            if args.district:
                await replaying.district(auditor, args.as_of, as_json=args.json)
            else:
                await replaying.replay(auditor, args.id, args.as_of, args.position, args.since, as_json=args.json)
        except replaying.NotShown as error:
            raise CannotStart(str(error)) from error
    return 0


async def _published(settings: Settings) -> list[verification.Earlier]:
    """What stands outside of the database: every checkpoint of a folder, the newest of a bucket."""
    if settings.proof_url is None:
        folder = _proof_folder(settings)
        return verification.earlier(folder) if (folder / "checkpoint").exists() else []
    try:
        newest = await asyncio.to_thread(Publication(_shelf(settings)).newest)
    except Unavailable as error:
        raise CannotStart(f"{error}; check YUETAN_PROOF_URL") from error
    return [verification.Earlier(settings.proof_url, newest)] if newest else []


@asynccontextmanager
async def _log(settings: Settings) -> AsyncIterator[tuple[asyncpg.Pool, str]]:
    """A database that has a log in it already."""
    _require_log(settings)
    async with database(settings) as url, pool_of(url) as pool:
        if not await pool.fetchval("SELECT to_regclass('log_tiles')"):
            raise CannotStart("the database is of an older program; run `yuetan migrate`, and start the engine once")
        yield pool, url


async def doctor(args: argparse.Namespace) -> int:
    """Looks at each thing an installation needs; says for each that is not well what to do."""
    settings = _settings(args)
    well = True
    for name, look in (
        ("policy", _look_at_policy),
        ("PostgreSQL", _look_at_database),
        ("Temporal", _look_at_temporal),
        ("files", _look_at_files),
        ("proof", _look_at_proof),
        ("gateways", _look_at_gateways),
        ("sign-in of staff", _look_at_issuer),
    ):
        try:
            say(f"✓ {name}: {await look(settings)}")
        except CannotStart as error:
            well = False
            say(f"✗ {name}: {error}")
    return 0 if well else 1


async def _look_at_policy(settings: Settings) -> str:
    policy = settings.load_policy()
    known = policy.calendar.last_known_year(datetime.now(UTC).date())
    return (
        f"version {policy.version}, {policy.threshold} signatures call a meeting,"
        f" working days known to the end of {known}"
    )


async def _look_at_database(settings: Settings) -> str:
    async with database(settings) as url, pool_of(url) as pool:
        version = await pool.fetchval("SHOW server_version")
        events = await pool.fetchval("SELECT to_regclass('stored_events')") and await pool.fetchval(
            "SELECT count(*) FROM stored_events"
        )
        if await pool.fetchval("SELECT to_regclass('secrets')"):
            await belong_together(pool, settings.keys)
    return f"{version}, {events or 'no'} events, written with the keys in {settings.keys}"


async def _look_at_temporal(settings: Settings) -> str:
    if settings.temporal_address:
        if not await answers(settings.temporal_address, settings.temporal_namespace):
            raise CannotStart(
                f"{settings.temporal_address} does not answer; start it, or check YUETAN_TEMPORAL_ADDRESS"
            )
        return f"answers at {settings.temporal_address}"
    try:
        with data_folder(settings.data_dir) as folder:
            async with Temporal(folder, binary=settings.temporal_binary) as address:
                return f"starts, and answers at {address}"
    except FolderInUse:
        return "kept by the engine that is up"


async def _look_at_files(settings: Settings) -> str:
    await _files(settings)
    if settings.files_url:
        return f"kept in {settings.files_url}"
    folder = settings.data_dir / "files"
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise CannotStart(
            f"{nearest} cannot be written to ({error.strerror}); give it to whoever runs the API"
        ) from error
    return f"kept in {folder}"


async def _look_at_proof(settings: Settings) -> str:
    async with database(settings) as url, pool_of(url) as pool:
        if not await pool.fetchval("SELECT to_regclass('log_progress')"):
            return "nothing is sealed yet"
        found = await transparency.status(pool)
        newest = await transparency.checkpoints(pool)
    if found["error"]:
        raise CannotStart(f"nothing is sealed or published any more: {found['error']}")
    try:
        outside = await asyncio.to_thread(Publication(_shelf(settings)).newest)
    except Unavailable as error:
        raise CannotStart(f"{error}; check YUETAN_PROOF_FOLDER or YUETAN_PROOF_URL") from error
    if newest and outside is None:
        raise CannotStart("the checkpoints are gone from where they were published; put them back from a copy")
    return f"{newest[0].checkpoint.size} events under the last checkpoint" if newest else "nothing is sealed yet"


async def _look_at_gateways(settings: Settings) -> str:
    if not (settings.smtp_url or settings.sms_url):
        return "none: codes are shown on the console of `yuetan up` alone"
    if not settings.public_url:
        raise CannotStart("without YUETAN_PUBLIC_URL the links in letters lead nowhere; set it for the workers too")
    if settings.smtp_url:
        async with httpx.AsyncClient() as http:
            try:
                await Outside(http, smtp_url=settings.smtp_url).check()
            except (OSError, smtplib.SMTPException) as error:
                raise CannotStart(f"the mail server does not let us in ({error}); check YUETAN_SMTP_URL") from error
    return "the mail server lets us in" if settings.smtp_url else "phones alone, by an SMS gateway that is not tried"


async def _look_at_issuer(settings: Settings) -> str:
    if not settings.oidc_issuer:
        return "with tokens of our own"
    async with httpx.AsyncClient(timeout=ISSUER_SECONDS) as http:
        try:
            await Verifier.outside(settings.oidc_issuer, settings.oidc_audience, http).check()
        except IssuerUnreachable as error:
            raise CannotStart(f"{error}; check YUETAN_OIDC_ISSUER") from error
    at_the_console = "" if settings.oidc_client_id else ", not at the console: YUETAN_OIDC_CLIENT_ID is not set"
    return f"at {settings.oidc_issuer}{at_the_console}"


# Parts


@dataclass(frozen=True)
class Parts:
    """What every process holds that does more than print."""

    settings: Settings
    policy: Policy
    store: EventStore
    repository: Repository
    keyring: Keyring
    files: Files
    sealer: Sealer
    people: People
    register: Register
    temporal: Client
    outbound: Outbound
    webhook_secrets: Secrets
    gateway: Outside


@asynccontextmanager
async def engine(settings: Settings, tell: Say) -> AsyncIterator[str]:
    """Everything, for as long as the context lasts; answers the API's address."""
    settings.load_policy()  # before anything starts: a mistake in it is told at once
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(data_folder(settings.data_dir))
        sock, url = stack.enter_context(listening(settings))
        tell(f"data in {folder}")
        console = tell if settings.database_url is None else None
        keep: list[Work] = []
        if settings.database_url is None:
            postgres = PostgreSQL(folder)
            settings = replace(settings, database_url=await stack.enter_async_context(postgres))
            keep.append(postgres.keep_running())
        if settings.temporal_address is None:
            temporal = Temporal(
                folder, ui_port=0, namespace=settings.temporal_namespace, binary=settings.temporal_binary
            )
            settings = replace(settings, temporal_address=await stack.enter_async_context(temporal))
            keep.append(temporal.keep_running())
            tell(f"Temporal's own pages at http://127.0.0.1:{temporal.ui_port}")
        held = await stack.enter_async_context(parts(settings, *_outside(settings)))
        await stack.enter_async_context(running(*keep))
        relay = Relay(held.store, held.temporal)
        await stack.enter_async_context(running(serve_api(held, sock, relay, console), *background(held, relay)))
        yield url


async def serve_api(held: Parts, sock: socket.socket, relay: Relay | None = None, console: Say | None = None) -> None:
    """``console``: where sign-in codes are shown while there is no gateway for them."""

    async def temporal() -> dict[str, Any]:
        return {"namespace": await namespace_id(held.temporal)}

    async def relaying(relay: Relay) -> dict[str, Any]:
        return {"up": relay.reachable, "position": relay.position}

    settings = held.settings
    async with httpx.AsyncClient(timeout=ISSUER_SECONDS) as http:
        issuer = Issuer(settings.keys)
        if settings.oidc_issuer:
            verifier = Verifier.outside(settings.oidc_issuer, settings.oidc_audience, http, own=issuer)
        else:
            verifier = Verifier.embedded(issuer)
        single_sign_on = None
        if settings.oidc_issuer and settings.oidc_client_id:
            single_sign_on = SingleSignOn(
                settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, verifier, http
            )
        alone = console and not (settings.sms_url or settings.smtp_url)
        app = create_app(
            store=held.store,
            repository=held.repository,
            keyring=held.keyring,
            files=held.files,
            people=held.people,
            verifier=verifier,
            signing_in=SignIn(held.register, issuer, Console(console) if console and alone else held.gateway),
            policy=held.policy,
            outbound=held.outbound,
            webhook_secrets=held.webhook_secrets,
            public_url=settings.public_url,
            office=settings.office,
            single_sign_on=single_sign_on,
            personas=issuer if alone and not settings.oidc_issuer else None,
            checks={"temporal": temporal} | ({"relay": functools.partial(relaying, relay)} if relay else {}),
        )
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=GOODBYE_SECONDS)
        logging.getLogger("uvicorn.error").addFilter(_worth_telling)
        server = ApiServer(config)
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            await asyncio.shield(serving)
        finally:
            app.state.newest.close()
            server.should_exit = True
            await serving


def _worth_telling(record: logging.LogRecord) -> bool:
    """Not the requests that we cut short when we stop: uvicorn tells their number before."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class ApiServer(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Signals are ours: the servers below have to outlive the API."""
        return nullcontext()


def background(held: Parts, relay: Relay) -> list[Work]:
    """Workflows, and what works in one process only while the others wait for their turn."""
    activities = Activities(held.store, held.repository, held.policy)
    slips = Slips(held.register, held.keyring, held.files)
    return [
        run_worker(held.settings.temporal_address or "", held.settings.temporal_namespace, activities),
        relay.run(),
        Holidays(held.store, held.repository, held.policy).run(),
        Projector(held.store, held.keyring).run(),
        held.sealer.run(),
        Erasures(held.register, held.people, held.repository, slips, similar.forget).run(),
        Settling(held.register, held.people, held.repository, held.policy, held.gateway).run(),
        Sender(held.store, held.repository, held.keyring, held.webhook_secrets, held.outbound, held.policy).run(),
        NoticeSender(
            held.store,
            held.repository,
            Correspondents(held.register),
            held.gateway,
            held.settings.public_url or f"http://{held.settings.host}:{held.settings.port}",
        ).run(),
    ]


@asynccontextmanager
async def parts(settings: Settings, database_url: str, temporal_address: str) -> AsyncIterator[Parts]:
    """A migrated database and everything that stands on it. Temporal need not be there yet."""
    policy = settings.load_policy()
    async with pool_of(database_url) as pool, httpx.AsyncClient(timeout=GATEWAY_SECONDS) as http:
        await apply_migrations(pool)
        await belong_together(pool, settings.keys)
        await projector.install(pool)
        store = EventStore(pool)
        repository = Repository(store)
        await policies.establish(repository, pool, settings.read_policy())
        held = Parts(
            settings,
            policy,
            store,
            repository,
            keyring=Keyring(pool, settings.keys),
            files=await _files(settings),
            sealer=_sealer(pool, settings),
            people=People(pool, secret(settings.keys, "people.key")),
            register=Register(pool, secret(settings.keys, MASTER)),
            temporal=await Client.connect(temporal_address, namespace=settings.temporal_namespace, lazy=True),
            outbound=Outbound(allow_private=settings.webhooks_allow_private),
            webhook_secrets=Secrets(secret(settings.keys, "webhooks.key")),
            gateway=Outside(
                http,
                sms_url=settings.sms_url,
                sms_token=settings.sms_token,
                smtp_url=settings.smtp_url,
                mail_from=settings.mail_from,
            ),
        )
        await belong_together(pool, settings.keys)  # those that were made just now, too
        try:
            yield held
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(repository.close(), GOODBYE_SECONDS)


async def _files(settings: Settings) -> Files:
    """On disk, or in a bucket that can be used now."""
    if settings.files_url is None:
        return Folder(settings.data_dir / "files")
    try:
        bucket = Bucket(settings.files_url, settings.files_endpoint)
        await asyncio.to_thread(bucket.check)
    except (Unavailable, ValueError) as error:
        raise CannotStart(
            f"the files' store {settings.files_url} cannot be used: {error}; check YUETAN_FILES_URL,"
            " YUETAN_FILES_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error
    return bucket


def _sealer(pool: asyncpg.Pool, settings: Settings) -> Sealer:
    return Sealer(pool, settings.keys / "log", Publication(_shelf(settings)), settings.proof_origin)


def _proof_folder(settings: Settings) -> Path:
    return settings.proof_folder or settings.data_dir / "proof"


def _shelf(settings: Settings) -> Shelf:
    if settings.proof_url is None:
        return FolderShelf(_proof_folder(settings))
    try:
        return BucketShelf(settings.proof_url, settings.files_endpoint)
    except Unavailable as error:
        raise CannotStart(f"{settings.proof_url} cannot be used: {error}; check YUETAN_PROOF_URL") from error


@asynccontextmanager
async def auditing(settings: Settings) -> AsyncIterator[tuple[FastAPI, int]]:
    """The API inside this process, for reading alone, on an installation's database, whether the engine is up or not;
    and the position that its answers have to show."""
    _require_log(settings, keys=True)
    policy = settings.load_policy()
    async with database(settings) as url, pool_of(url) as pool, httpx.AsyncClient() as http:
        await apply_migrations(pool)
        await belong_together(pool, settings.keys)
        await projector.install(pool)
        store, issuer, keyring = EventStore(pool), Issuer(settings.keys), Keyring(pool, settings.keys)
        app = create_app(
            store=store,
            repository=Repository(store),
            keyring=keyring,
            files=Folder(settings.data_dir / "files"),
            people=People(pool, secret(settings.keys, "people.key")),
            verifier=Verifier.embedded(issuer),
            signing_in=SignIn(Register(pool, secret(settings.keys, MASTER)), issuer, Outside(http)),
            policy=policy,
            outbound=Outbound(allow_private=False),
            webhook_secrets=Secrets(secret(settings.keys, "webhooks.key")),
        )
        # Where no engine is up, what it left is yet to be shown.
        async with running(Projector(store, keyring).run()):
            yield app, await store.max_notification_id()


@asynccontextmanager
async def pool_of(url: str) -> AsyncIterator[asyncpg.Pool]:
    try:
        pool = await connect(url, max_size=CONNECTIONS)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CannotStart(f"PostgreSQL cannot be used: {error}; check YUETAN_DATABASE_URL") from error
    try:
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), GOODBYE_SECONDS)
        except TimeoutError:
            pool.terminate()


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The URL of the installation's database, whether the engine is up or not."""
    async with AsyncExitStack() as stack:
        if settings.database_url:
            yield settings.database_url
            return
        try:
            folder = stack.enter_context(data_folder(settings.data_dir))
        except FolderInUse:
            yield PostgreSQL(settings.data_dir).address
            return
        yield await stack.enter_async_context(PostgreSQL(folder))


def _require_log(settings: Settings, *, keys: bool = False) -> None:
    """``keys``: its secrets, too. Raises ``CannotStart``."""
    there = settings.database_url is not None or (settings.data_dir / "postgres").exists()
    if not there or (keys and not settings.keys.is_dir()):
        raise CannotStart(f"there is no log in {settings.data_dir}; name its folder with --data-dir")


@asynccontextmanager
async def existing_log(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """For commands that work on what is there, whether the engine is up or not: a migrated database."""
    _require_log(settings)
    async with database(settings) as url, pool_of(url) as pool:
        await apply_migrations(pool)
        await belong_together(pool, settings.keys)
        yield pool


def _outside(settings: Settings) -> tuple[str, str]:
    if settings.database_url is None or settings.temporal_address is None:
        raise CannotStart(
            "set YUETAN_DATABASE_URL and YUETAN_TEMPORAL_ADDRESS to servers of your own,"
            " or run `yuetan up`, which brings its own"
        )
    return settings.database_url, settings.temporal_address


@contextmanager
def listening(settings: Settings) -> Iterator[tuple[socket.socket, str]]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        sock = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise CannotStart(
            f"cannot listen on {settings.host}:{settings.port}: {why}; name another with --port or --host"
        ) from error
    with sock:
        # Connections inherit it. asyncio sets it on sockets that name TCP only, and without it an answer waits 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        host = f"[{settings.host}]" if family == socket.AF_INET6 else settings.host
        yield sock, f"http://{host}:{sock.getsockname()[1]}"


@asynccontextmanager
async def running(*works: Work) -> AsyncIterator[None]:
    """The works run beside the body. When one fails, all end; at the end they are stopped one after the other."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                while not task.done():  # one call may be swallowed: by asyncio.wait_for in Python 3.11, for one
                    task.cancel()
                    await asyncio.wait([task], timeout=2 * GOODBYE_SECONDS)


def tokens(settings: Settings) -> Tokens:
    issuer = Issuer(settings.keys)
    return lambda role, subject, org: issuer.token(Role(role), subject, UUID(org) if org else None)


def say(line: str) -> None:
    print(line, flush=True)


def whisper(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# The command line


def parse(arguments: list[str]) -> argparse.Namespace:
    top = argparse.ArgumentParser(prog="yuetan", description="Residents call the meeting, and the task gets closed.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(do: Callable[..., Coroutine[Any, Any, int]], text: str) -> argparse.ArgumentParser:
        new = commands.add_parser(do.__name__.replace("_", "-"), help=text, description=text)
        new.set_defaults(do=do)
        new.add_argument("--data-dir", type=Path, metavar="D", help=f"default: {default_folder()}")
        return new

    def serving(new: argparse.ArgumentParser) -> None:
        new.add_argument("--host", metavar="H", help="default: 127.0.0.1")
        new.add_argument("--port", type=int, metavar="P", help="default: 8000; 0 for any free one")

    def ruled(new: argparse.ArgumentParser) -> None:
        new.add_argument("--policy", type=Path, metavar="FILE", help="the district's policy")

    new = command(up, "start everything on one data folder: PostgreSQL, Temporal, API, workflows, projector, webhooks")
    serving(new)
    ruled(new)
    new.add_argument("--play", action="store_true", help="play one petition to its end, then stay up")
    new = command(api, "the HTTP API alone, on a PostgreSQL and a Temporal of your own")
    serving(new)
    ruled(new)
    new = command(worker, "workflows, relay, projector and webhooks, on a PostgreSQL and a Temporal of your own")
    ruled(new)
    command(migrate, "bring the database up to this program; `up`, `api` and `worker` do so themselves")
    new = command(enter, "enter a host's own list of residents (CSV) as one of its staff, and show how far it has come")
    new.add_argument("file", type=Path, metavar="FILE")
    new.add_argument("--org", required=True, type=uuid, metavar="ID", help="of the host")
    new.add_argument("--subject", required=True, metavar="ID", help="who does it: it is recorded")
    new.add_argument("--url", default="http://127.0.0.1:8000", metavar="U", help="of the engine; default: %(default)s")
    new = command(token, "print a bearer token of the embedded issuer, valid for a day")
    new.add_argument("--role", required=True, choices=ROLES)
    new.add_argument("--subject", required=True, metavar="NAME", help="the person")
    new.add_argument("--org", type=uuid, metavar="ID", help="the host, post or unit the role is held for")
    new = command(demo, "play every real topic through the HTTP API to the end it was written for")
    new.add_argument("--url", help="an engine that is up with the demo's policy; default: one of its own")
    new.add_argument("--json", action="store_true", help="one JSON object on standard output")
    new = command(rebuild, "make read models anew from the log, while the old ones serve")
    new.add_argument("read_model", nargs="*", metavar="READ_MODEL", help="default: all")
    command(rotate_key, "sign the log's checkpoints with a new key from now on; the old one is destroyed")
    new = command(export, "write every event and what was signed of it into one file that anybody can verify")
    new.add_argument("--output", type=Path, metavar="F.zip", help="default: yuetan-TIME.zip")
    new.add_argument("--complete", action="store_true", help="signatures, judgements and votes too: for a court alone")
    new.add_argument("--subject", metavar="NAME", help="for whom: it is recorded, beside the account")
    new = command(verify, "check a file that `export` wrote, which takes no database and no network; or the log itself")
    new.add_argument("file", nargs="?", type=Path, metavar="F.zip", help="default: the database of this installation")
    new.add_argument("--key", action="append", default=[], metavar="VKEY", help="whose signature you trust")
    new.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="an earlier checkpoint, or a folder of those published",
    )
    new.add_argument("--json", action="store_true", help="one JSON object on standard output")
    new = command(replay, "show what a petition was at any moment, and who did what until then; or the whole district")
    new.add_argument("id", nargs="?", type=uuid, metavar="ID", help="of the petition")
    new.add_argument("--subject", required=True, metavar="NAME", help="the auditor who looks: it is recorded")
    moment = "such as 2026-11-23, 2026-11-23T08:00 (in China) or 2026-11-23T00:00:00Z"
    new.add_argument("--as-of", metavar="T", help=f"a moment, {moment}; default: now")
    new.add_argument("--position", type=int, metavar="P", help="a place in the log instead")
    new.add_argument("--since", metavar="T|P", help="tell what differs since this moment or place, too")
    new.add_argument("--district", action="store_true", help="all petitions: phases, clocks and rates as they stood")
    new.add_argument("--json", action="store_true", help="one JSON object on standard output")
    command(doctor, "look at everything an installation needs, and say what is missing")
    return top.parse_args(arguments)


def uuid(text: str) -> str:
    return str(UUID(text))


def _settings(args: argparse.Namespace) -> Settings:
    folder = args.data_dir
    if args.do is demo and not args.url and "YUETAN_DATA_DIR" not in os.environ:
        folder = folder or default_folder().with_name("yuetan-demo")  # never among a district's own petitions
    given = {name: getattr(args, name, None) for name in ("host", "port", "policy")}
    settings = Settings.from_env(data_dir=folder)
    if given["port"] is not None and not 0 <= given["port"] <= 65535:
        raise CannotStart(f"--port is {given['port']}; it must be a number from 0 to 65535")
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


async def until_signal(work: Coroutine[Any, Any, int]) -> int:
    """SIGINT and SIGTERM stop the work cleanly, a second one at once."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        task.cancel()
        loop.add_signal_handler(number, os._exit, 128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    return await task


def run(arguments: list[str]) -> int:
    args = parse(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # What Temporal's client has to say goes there too: by itself it writes to standard output, among our answers.
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    to_our_log = LoggingConfig(LoggingConfig.default.filter, forwarding=forwarding)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=to_our_log)))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(until_signal(args.do(args)))
    except asyncio.CancelledError:
        return 0 if args.do in (up, api, worker) else 130
    except Exception as error:
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(
            cause, (CannotStart, bundle.NotSealed, Stopped, NewerDatabase, RebuildRefused, show.PolicyTooSlow)
        ):
            print(f"yuetan: {cause}", file=sys.stderr)
        elif isinstance(cause, asyncpg.InsufficientPrivilegeError):
            print(f"yuetan: PostgreSQL refuses: {cause}; docs/operations.md has what to grant", file=sys.stderr)
        else:
            traceback.print_exception(error)
        return 1


def main() -> None:
    try:
        code = run(sys.argv[1:])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # A process that used a Temporal client can crash while the interpreter ends, and lose its exit code.
    os._exit(code)


if __name__ == "__main__":
    main()
