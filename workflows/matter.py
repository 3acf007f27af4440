"""What a story knows of its matter, and how it acts: by asking for ordinary commands."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from workflows.messages import Answer, MatterState, Step

T = TypeVar("T")
# Only trouble with PostgreSQL is tried again. A local activity that waited for its next attempt within a workflow task
# would keep that open: nobody could query the workflow or stop the worker. So every wait is a timer of the workflow.
UNTIL_IT_WORKS = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=10))
NO_WAIT_INSIDE = timedelta(milliseconds=1)
A_YEAR_IS_ADDED_BY_HAND = timedelta(hours=1)


class Matter:
    """The last loaded state of one matter, kept up with what the relay announces."""

    def __init__(self, heard: int) -> None:
        self.id = UUID(workflow.info().workflow_id)
        self.heard = heard  # the newest position that the relay has announced
        self.loaded: MatterState | None = None
        self._asking = 0  # local activities under way

    @property
    def state(self) -> MatterState:
        assert self.loaded, "the story begins by loading"
        return self.loaded

    @property
    def quiet(self) -> bool:
        """Nothing is being asked for, nor about to be. A workflow that ends earlier takes its worker's answer away:
        where a signal then makes Temporal refuse the end, the next attempt hangs for ten seconds."""
        return not self._asking and self.heard <= self.state.position

    def hear(self, position: int) -> None:
        self.heard = max(self.heard, position)

    async def load(self) -> None:
        heard = self.heard
        self._take(await self._call("load", self.id, MatterState))
        if self.heard == heard:
            self.heard = self.state.position

    async def listen(self) -> None:
        """Load again, for ever, whenever something newer has been announced."""
        while True:
            await workflow.wait_condition(lambda: self.heard > self.state.position)
            await self.load()

    async def issue(
        self, name: str, *, rule: str | None = None, due_at: datetime | None = None, part_id: UUID | None = None
    ) -> None:
        """Ask for a command until something has changed by it or meanwhile: the caller looks at the state again.

        A refusal is an answer: usually somebody was faster. One that comes twice on an unchanged state is our mistake,
        and fails the workflow for all to see. A date in an unknown calendar year waits for the administrator.
        """
        before, attempt = self.state, 0
        while self.state == before:
            attempt += 1
            step = Step(self.id, before.round, name, workflow.now(), rule, due_at, part_id)
            answer = await self._call("issue", step, Answer)
            self._take(answer.state)
            if answer.refusal == "calendar-unknown-year":
                await self._wait_for_the_calendar(f"{name}: {answer.reason}", attempt)
            elif attempt >= 2 and self.state == before:
                reason = f"{answer.refusal or 'no effect'} {answer.reason}"
                raise ApplicationError(f"{name} of {rule or part_id or 'the matter'}: {reason}", non_retryable=True)

    async def runs_out(self, due_at: datetime, depends_on: Callable[[], object], what: str) -> bool:
        """Wait for a deadline; False if what it depends on has changed before."""
        before = depends_on()
        if due_at <= workflow.now():
            return True
        try:
            await workflow.wait_condition(
                lambda: depends_on() != before, timeout=due_at - workflow.now(), timeout_summary=what
            )
        except TimeoutError:
            return True
        return False

    async def _wait_for_the_calendar(self, reason: str, attempt: int) -> None:
        workflow.logger.warning("%s waits: %s", self.id, reason)
        workflow.set_current_details(f"Waiting, and trying again. {reason}")
        pause = min(A_YEAR_IS_ADDED_BY_HAND * attempt, timedelta(days=1))
        await self.runs_out(workflow.now() + pause, lambda: self.state, "calendar")
        workflow.set_current_details("")

    def _take(self, state: MatterState) -> None:
        """An older load never replaces a newer one."""
        if self.loaded is None or state.position > self.loaded.position:
            self.loaded = state

    async def _call(self, activity: str, argument: Any, answer: type[T]) -> T:
        self._asking += 1
        try:
            result: T = await workflow.execute_local_activity(
                activity,
                argument,
                result_type=answer,
                start_to_close_timeout=timedelta(seconds=60),
                retry_policy=UNTIL_IT_WORKS,
                local_retry_threshold=NO_WAIT_INSIDE,
            )
        finally:
            self._asking -= 1
        return result
