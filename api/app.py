"""The HTTP API, put together. What it serves is handed in; starting and stopping that is the front door's."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api import (
    accesses,
    answers,
    appointments,
    ballots,
    briefs,
    calendars,
    call_backs,
    caseload,
    clocks,
    conflicts,
    console,
    directory,
    directory_file,
    district,
    documents,
    downloads,
    drafts,
    events,
    extensions,
    flags,
    following,
    health,
    history,
    holidays,
    inbox,
    intakes,
    links,
    meeting_times,
    meetings,
    mine,
    notices,
    openapi,
    overdue,
    petitions,
    policies,
    problems,
    process,
    proof,
    proposals,
    redaction,
    referrals,
    register,
    rejections,
    replies,
    reports,
    results,
    reviews,
    roadmap,
    sign_in,
    signing,
    similar,
    splitting,
    statistics,
    supervision,
    tasks,
    urgency,
    webhooks,
)
from api.deps import Services
from api.front import Front, Metrics
from api.witness import Witness
from domain.policy import Policy
from infra.appointments import Appointments
from infra.calendar_feeds import CalendarFeeds
from infra.correspondents import Correspondents
from infra.drafts import Drafts
from infra.erasure import Erasures
from infra.event_store import EventStore
from infra.files import Files
from infra.identity import Issuer, Verifier
from infra.outbound import Outbound
from infra.people import People
from infra.rejections import Rejections
from infra.repository import Repository
from infra.sealing import Keyring
from infra.sign_in import SignIn
from infra.single_sign_on import SingleSignOn
from infra.slips import Slips
from infra.tickets import Tickets
from projections import similar as similarities
from projections.projector import Positions
from projections.webhook_sender import Secrets


def create_app(
    *,
    store: EventStore,
    repository: Repository,
    keyring: Keyring,
    files: Files,
    people: People,
    verifier: Verifier,
    signing_in: SignIn,
    policy: Policy,
    outbound: Outbound,
    webhook_secrets: Secrets,
    office: str = "点题约谈办公室",
    checks: Mapping[str, Callable[[], Awaitable[Mapping[str, Any]]]] | None = None,
    personas: Issuer | None = None,
    single_sign_on: SingleSignOn | None = None,
    public_url: str | None = None,
) -> FastAPI:
    """``office``: whose name heads the official papers. ``checks``: further parts for /readyz, by name. Each answers
    with what it knows, ``up`` among it, or raises.

    ``app.state.now`` is the clock that commands are stamped with; a test may put its own there.
    """
    metrics = Metrics()
    app = FastAPI(
        title="Yuetan 点题约谈",
        version=version("yuetan"),
        docs_url=None,  # its page would fetch scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        # What people write must not leave through traces or exception logs, whatever the environment configures.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.office = office
    app.state.personas = personas
    app.state.single_sign_on = single_sign_on
    app.state.now = lambda: datetime.now(UTC)
    app.state.public_url = public_url
    positions = Positions(store.pool)
    slips = Slips(signing_in.register, keyring, files)
    app.state.reckoner = statistics.Reckoner()
    app.state.processes = process.Reckoner()
    app.state.newest = events.Newest(store, positions)
    app.state.services = Services(
        pool=store.pool,
        store=store,
        repository=repository,
        keyring=keyring,
        files=files,
        people=people,
        verifier=verifier,
        appointments=Appointments(store.pool, people),
        policy=policy,
        tickets=Tickets(people.key_for("tickets")),
        calendar_feeds=CalendarFeeds(store.pool, people.key_for("calendar feeds")),
        sign_in=signing_in,
        correspondents=Correspondents(signing_in.register),
        erasures=Erasures(signing_in.register, people, repository, slips, similarities.forget),
        slips=slips,
        drafts=Drafts(signing_in.register),
        rejections=Rejections(signing_in.register),
        positions=positions,
        metrics=metrics,
        outbound=outbound,
        webhook_secrets=webhook_secrets,
        checks=checks or {},
        now=lambda: app.state.now(),
    )
    for resource in (
        similar,
        petitions,
        extensions,
        roadmap,
        urgency,
        redaction,
        reports,
        results,
        splitting,
        referrals,
        links,
        ballots,
        documents,
        supervision,
        clocks,
        conflicts,
        history,
        flags,
        process,
        accesses,
        proof,
        overdue,
        meeting_times,
        meetings,
        briefs,
        calendars,
        following,
        proposals,
        tasks,
        inbox,
        caseload,
        notices,
        statistics,
        district,
        downloads,
        directory,
        policies,
        directory_file,
        appointments,
        holidays,
        sign_in,
        register,
        webhooks,
        events,
        health,
        answers,
        call_backs,
        replies,
        intakes,
        mine,
        drafts,
        signing,
        rejections,
        reviews,
    ):
        app.include_router(resource.router)
    app.add_middleware(Witness)
    app.add_middleware(Front, metrics=metrics, shown=console.problem_page)
    problems.handle(app, console.problem_page)
    console.mount(app)
    openapi.document(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
