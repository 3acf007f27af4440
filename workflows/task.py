"""A task's story: offered, done by somebody, and dropped if its matter goes on without it."""

from uuid import UUID

from temporalio import workflow

from workflows.matter import Matter
from workflows.messages import TaskState


class TaskStory:
    """Runs inside its matter's workflow. Knows nothing of petitions; its clocks are watched with the matter's."""

    def __init__(self, matter: Matter, id: UUID) -> None:
        self._matter, self.id = matter, id

    async def run(self) -> None:
        while self._to_be_offered:
            await workflow.wait_condition(lambda: not (self._to_be_offered and self._matter.state.suspended))
            if self._to_be_offered:
                await self._matter.issue("offer", part_id=self.id)
        # Units claim, object and report; the official mandates, returns and confirms.
        await workflow.wait_condition(lambda: not self._open or self._left_behind)
        while self._open:
            await self._matter.issue("drop", part_id=self.id)

    @property
    def _task(self) -> TaskState | None:
        """None once a revision of the roadmap has left it out; then it is dropped already."""
        return next((task for task in self._matter.state.tasks if task.id == self.id), None)

    @property
    def _open(self) -> bool:
        return self._task is not None and self._task.open

    @property
    def _to_be_offered(self) -> bool:
        return self._task is not None and self._task.planned and not self._left_behind

    @property
    def _left_behind(self) -> bool:
        """The matter has ended, or is in another round."""
        state = self._matter.state
        return state.ended or self._task is None or self._task.round != state.round
