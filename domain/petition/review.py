"""A higher unit reviews what was closed."""

from domain.clock import Clock
from domain.command import Command, command
from domain.petition.state import State
from domain.petition.words import RESIDENT, REVIEWS, SUPERVISOR, Phase, ReviewResult
from domain.refusals import Conflict, Forbidden
from domain.text import Text


class Review(State):
    class ReviewRequested(State.Event):
        """By one of the co-signers. ``level``: 1 for a review, 2 for the second and last."""

        TOPIC = "petition.ReviewRequested"
        level: int
        grounds: Text
        review: Clock

        def apply(self, petition: State) -> None:
            petition.clocks = {"review": self.review}
            petition.reviews = self.level

    class ReviewDecided(State.Event):
        TOPIC = "petition.ReviewDecided"
        level: int
        result: str
        opinion: Text

        def apply(self, petition: State) -> None:
            petition.clocks = {}
            petition.reviewed_by, petition.reviewable_from = self.by, self.timestamp

    @command(RESIDENT)
    def request_review(self, cmd: Command, /, *, grounds: Text) -> None:
        """Any co-signer may ask, once for all of them; and once more when the first review has been decided."""
        if not self.signers.get(cmd.by):
            raise Forbidden(
                "not-a-co-signer", "只有联名人可以申请复查。", "Only those who signed can ask for a review."
            )
        self.require(Phase.CLOSED)
        if "review" in self.clocks:
            raise Conflict("under-review", "已有人申请,正在复查。", "A review has been asked for and is under way.")
        if self.reviews == REVIEWS:
            raise Conflict("review-final", "复核意见为终结意见。", "The second review was the last: it is final.")
        until = cmd.policy.clock("review_request", self.reviewable_from or self.modified_on).due_at
        if cmd.at >= until:
            raise Conflict(
                "review-too-late",
                "申请复查、复核的期限已过。",
                f"A review could be asked for until {until}.",
            )
        facts = {"level": self.reviews + 1, "grounds": grounds, "review": cmd.policy.clock("review", cmd.at)}
        self.decide(self.ReviewRequested, cmd, **facts)

    @command(SUPERVISOR)
    def decide_review(self, cmd: Command, /, *, result: ReviewResult, opinion: Text) -> None:
        if "review" not in self.clocks:
            raise Conflict("not-under-review", "此件没有待决定的复查、复核申请。", "No review waits for a decision.")
        if self.reviews == REVIEWS and cmd.by == self.reviewed_by:
            raise Forbidden(
                "same-reviewer",
                "复核须由另一人作出,不能由原复查人决定。",
                "The second review is somebody else's to decide than the first.",
            )
        again = self._another_round(cmd, self.judgements) if result == ReviewResult.RETURNED else None
        self.decide(self.ReviewDecided, cmd, level=self.reviews, result=result.value, opinion=opinion)
        if again:
            self.decide(self.Reopened, cmd.consequence(), **again)
