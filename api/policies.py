"""The district's policy: the version in force, all there are, and new ones. Running petitions keep the one they began
under."""

import json
import tomllib
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, StrictStr, model_validator

from api.deps import AtDesk, Known, Serving
from api.openapi import CREATION, READ, REGISTER
from api.pages import require_role
from api.schemas import Day, example, shown, wrong
from domain.command import Role
from domain.policy import Policy
from domain.refusals import Invalid, not_found
from domain.rulebook import RULEBOOK, Issue, Rulebook, check, document_of, parse, stored

router = APIRouter(prefix="/v1", tags=["directory"])

LONGEST = 100_000  # characters of a policy file


class PolicyInForce(BaseModel):
    version: str
    threshold: int
    max_rounds: int
    reopen_below: float
    extension_days: int
    max_refilings: int
    windows: dict[str, str] = Field(examples=[{"signing": "30 days", "host_opinion": "5 working days"}])


class NewPolicy(BaseModel):
    """The whole policy, as a policy file (TOML) or the same as JSON."""

    model_config = example(toml='version = "2027-01"\nthreshold = 10\n…', effective_on="2027-01-01")
    toml: Annotated[StrictStr, Field(max_length=LONGEST)] | None = None
    document: dict[str, Any] | None = None
    effective_on: Day

    @model_validator(mode="after")
    def one_of_both(self) -> "NewPolicy":
        if (self.toml is None) == (self.document is None):
            raise wrong("policy", "请提供 toml 或 document 之一。", "Give the policy as toml or as document.")
        return self

    def written(self) -> str:
        """As the log keeps it. Raises ``Invalid``."""
        field = "document" if self.toml is None else "toml"
        try:
            document = document_of(tomllib.loads(self.toml) if self.toml is not None else self.document or {})
            check(document)
        except (ValueError, TypeError, RecursionError) as error:
            zh, en = f"政策文件无法读取:{error}。", f"The policy cannot be read: {error}."
            raise Invalid("policy-invalid", zh, en, field) from None
        except Invalid as refusal:
            raise Invalid(refusal.code, refusal.zh, refusal.en, field) from None
        return document


class Change(BaseModel):
    entry: str = Field(examples=["windows.meeting"])
    before: str | None = Field(examples=["10 working days"], description="null: there was none.")
    after: str = Field(examples=["8 working days"])


class PolicyVersion(BaseModel):
    model_config = shown(
        version="2027-01",
        effective_on="2027-01-01",
        from_file=False,
        changes=[{"entry": "windows.meeting", "before": "10 working days", "after": "8 working days"}],
    )
    version: str
    effective_on: date
    from_file: bool = Field(description="It was the file that the settings named when the program was started.")
    changes: list[Change] = Field(description="Against the version issued before it, unless another is asked for.")


class PolicyDocument(PolicyVersion):
    document: dict[str, Any]


def _changes(old: Policy, new: Policy) -> list[Change]:
    return [Change(entry=entry, before=before, after=after) for entry, (before, after) in old.differences(new).items()]


def _version(issue: Issue, before: Issue | None) -> PolicyVersion:
    return PolicyVersion(
        version=issue.version,
        effective_on=issue.effective_on,
        from_file=issue.from_file,
        changes=_changes(stored(before.document), stored(issue.document)) if before else [],
    )


def _versions(rulebook: Rulebook) -> list[PolicyVersion]:
    issues = rulebook.issues
    return [_version(issue, before) for before, issue in zip([None, *issues], issues, strict=False)]


@router.get("/policy", responses=READ)
async def read_policy(request: Request, services: Serving) -> PolicyInForce:
    """The numbers for petitions that are opened now. A clock names the version that it was computed by."""
    policy = (await services.rules()).in_force(request.app.state.now())
    return PolicyInForce(
        version=policy.version,
        threshold=policy.threshold,
        max_rounds=policy.max_rounds,
        reopen_below=policy.reopen_below,
        extension_days=policy.extension_days,
        max_refilings=policy.max_refilings,
        windows={rule: str(window) for rule, window in policy.windows.items()},
    )


@router.get("/policies", responses=READ)
async def list_policies(services: Serving) -> list[PolicyVersion]:
    """All versions in the order they were issued. Of those whose day has come, the last is in force."""
    return _versions(await services.repository.get(Rulebook, RULEBOOK))


@router.get("/policies/{version}", responses=READ)
async def read_policy_version(
    version: str,
    services: Serving,
    against: Annotated[str | None, Query(max_length=40, description="Tell the changes against this version.")] = None,
) -> PolicyDocument:
    """Of a version that was issued twice, the last. Without ``against``: what it changed when it was issued."""
    rulebook = await services.repository.get(Rulebook, RULEBOOK)
    issues = {issue.version: (n, issue) for n, issue in enumerate(rulebook.issues)}
    if version not in issues or (against is not None and against not in issues):
        raise not_found("policy")
    n, issue = issues[version]
    before = issues[against][1] if against is not None else rulebook.issues[n - 1] if n else None
    return PolicyDocument(**_version(issue, before).model_dump(), document=json.loads(issue.document))


@router.post("/policies", status_code=201, responses=CREATION)
async def issue_policy(body: NewPolicy, desk: AtDesk) -> PolicyVersion:
    """Issue a new version. Petitions opened from its day on begin under it; those that run keep theirs."""
    issued = await desk.execute(
        Rulebook.issue_policy,
        RULEBOOK,
        lambda rulebook: _versions(rulebook)[-1],
        document=body.written(),
        effective_on=body.effective_on,
    )
    desk.response.headers["Location"] = f"/v1/policies/{issued.version}"
    return issued


@router.post("/policies/preview", responses=REGISTER)
async def preview_policy(body: NewPolicy, services: Serving, identity: Known) -> PolicyVersion:
    """What a new version would change, against the last one issued. Nothing is issued."""
    require_role(identity, Role.ADMIN, Role.AUDITOR)
    rulebook = await services.repository.get(Rulebook, RULEBOOK)
    document = body.written()
    issue = Issue(parse(document).version, document, body.effective_on, from_file=False)
    return _version(issue, rulebook.issues[-1])
