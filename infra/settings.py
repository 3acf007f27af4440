"""What differs from one installation to the next, read once from the environment."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import domain
from domain.policy import Policy


class CannotStart(Exception):
    """Why the program or one of its servers cannot start, in one line that says what to do."""


class FolderInUse(CannotStart):
    """Another program holds the data folder."""


@dataclass(frozen=True)
class Settings:
    """``database_url`` and ``temporal_address`` name servers of your own; without them `yuetan up` brings its own."""

    data_dir: Path
    keys: Path
    database_url: str | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    temporal_binary: Path | None = None
    policy: Path | None = None
    oidc_issuer: str | None = None
    oidc_audience: str = "yuetan"
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    webhooks_allow_private: bool = False
    sms_url: str | None = None
    sms_token: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = "yuetan@localhost"
    public_url: str | None = None
    office: str = "点题约谈办公室"
    files_url: str | None = None
    files_endpoint: str | None = None
    proof_folder: Path | None = None
    proof_url: str | None = None
    proof_origin: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, data_dir: Path | None = None) -> Self:
        """Every setting is ``YUETAN_`` and its name in capitals. An empty one counts as not set."""
        given = {name: value for name, value in environ.items() if name.startswith("YUETAN_") and value}
        folder = (data_dir or Path(given.get("YUETAN_DATA_DIR") or default_folder())).expanduser().resolve()
        port = given.get("YUETAN_PORT", "8000")
        if not port.isdecimal() or int(port) > 65535:
            raise CannotStart(f"YUETAN_PORT is {port!r}; it must be a number from 0 to 65535")
        allow_private = given.get("YUETAN_WEBHOOKS_ALLOW_PRIVATE", "0")
        if allow_private not in ("0", "1"):
            raise CannotStart(f"YUETAN_WEBHOOKS_ALLOW_PRIVATE is {allow_private!r}; it must be 0 or 1")
        for name in ("YUETAN_FILES_URL", "YUETAN_PROOF_URL"):
            if name in given and not re.fullmatch(r"s3://[^/\s]+(/\S*)?", given[name]):
                raise CannotStart(f"{name} is {given[name]!r}; it must be like s3://bucket or s3://bucket/prefix")
        origin = given.get("YUETAN_PROOF_ORIGIN")
        if origin and not re.fullmatch(r"[!-*,-~]{1,200}", origin):
            raise CannotStart(f"YUETAN_PROOF_ORIGIN is {origin!r}; it must be like district.example/yuetan")
        return cls(
            data_dir=folder,
            keys=Path(given.get("YUETAN_KEYS") or folder / "keys"),
            database_url=given.get("YUETAN_DATABASE_URL"),
            temporal_address=given.get("YUETAN_TEMPORAL_ADDRESS"),
            temporal_namespace=given.get("YUETAN_TEMPORAL_NAMESPACE", cls.temporal_namespace),
            temporal_binary=_path(given.get("YUETAN_TEMPORAL_BINARY")),
            policy=_path(given.get("YUETAN_POLICY")),
            oidc_issuer=given.get("YUETAN_OIDC_ISSUER"),
            oidc_audience=given.get("YUETAN_OIDC_AUDIENCE", cls.oidc_audience),
            oidc_client_id=given.get("YUETAN_OIDC_CLIENT_ID"),
            oidc_client_secret=given.get("YUETAN_OIDC_CLIENT_SECRET"),
            host=given.get("YUETAN_HOST", cls.host),
            port=int(port),
            webhooks_allow_private=allow_private == "1",
            sms_url=given.get("YUETAN_SMS_URL"),
            sms_token=given.get("YUETAN_SMS_TOKEN"),
            smtp_url=given.get("YUETAN_SMTP_URL"),
            mail_from=given.get("YUETAN_MAIL_FROM", cls.mail_from),
            office=given.get("YUETAN_OFFICE", cls.office),
            public_url=given.get("YUETAN_PUBLIC_URL", "").rstrip("/") or None,
            files_url=given.get("YUETAN_FILES_URL"),
            files_endpoint=given.get("YUETAN_FILES_ENDPOINT"),
            proof_folder=_path(given.get("YUETAN_PROOF_FOLDER")),
            proof_url=given.get("YUETAN_PROOF_URL"),
            proof_origin=origin,
        )

    def read_policy(self) -> str:
        """The district's policy as it is written, or the one we ship."""
        path = self._policy_path()
        try:
            return path.read_text("utf-8")
        except OSError as error:
            raise CannotStart(f"the policy {path} cannot be read: {error.strerror}") from error

    def load_policy(self) -> Policy:
        try:
            return Policy.parse(tomllib.loads(self.read_policy()))
        except ValueError as error:
            raise CannotStart(f"the policy {self._policy_path()} cannot be used: {error}") from error

    def _policy_path(self) -> Path:
        return self.policy or Path(domain.__file__).with_name("policy.toml")


def default_folder() -> Path:
    """Outside every home for root: PostgreSQL's own user must be able to enter it."""
    if os.geteuid() == 0:
        return Path("/var/lib/yuetan")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "yuetan"


def _path(value: str | None) -> Path | None:
    return Path(value).expanduser() if value else None
