"""Why a command is refused: a stable code, and what to do about it, in Chinese and English."""

from domain.wording import ZH


class Refusal(Exception):
    """A command that may not be carried out. Nothing is appended.

    ``code`` is stable and becomes the problem's ``type``; ``zh`` and ``en`` say what is wrong and what to do;
    ``field`` names the offending input where there is one.
    """

    def __init__(self, code: str, zh: str, en: str, field: str | None = None) -> None:
        super().__init__(f"{code}: {en}")
        self.code, self.zh, self.en, self.field = code, zh, en, field


class Invalid(Refusal):
    """The input itself is wrong, whatever the state."""


class Forbidden(Refusal):
    """Somebody else may do this."""


class NotFound(Refusal):
    """There is no such thing."""


class Conflict(Refusal):
    """Not now: the state does not allow it."""


class Stale(Refusal):
    """The caller's copy is older than what it wants to change."""


def not_found(what: str, field: str | None = None) -> NotFound:
    return NotFound(
        "not-found", f"没有找到此{ZH.get(what, what)},请核对编号。", f"No such {what}: check the id.", field
    )


def conflict_of_interest() -> Forbidden:
    """The same whatever the conflict is: it may be that somebody has signed."""
    return Forbidden(
        "conflict-of-interest",
        "您与此件存在利益关系,须回避,请交由其他人员办理。",
        "You have an interest in this petition: leave it to a colleague.",
    )
