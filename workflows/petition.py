"""A petition's story over time: what happens next, and when, from its first signature to its end.

People act on the petition itself; this workflow hears of it, and does what is left to time: it closes the signing,
offers the tasks, invites the residents to judge, reminds and escalates. It decides nothing: each step is an ordinary
command that the aggregate may refuse. All it knows can be loaded from the log again, at any point of the story.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from temporalio import workflow

from workflows.clocks import ClockWatch
from workflows.matter import Matter
from workflows.messages import MatterState
from workflows.task import TaskStory


@workflow.defn
class PetitionStory:
    """Its id is the petition's. ``heard``: the position up to which it knew the log when a long history was cut."""

    @workflow.init
    def __init__(self, heard: int = 0) -> None:
        self.matter = Matter(heard)
        self.side_stories: list[asyncio.Task[None]] = []

    @workflow.run
    async def run(self, heard: int = 0) -> str:  # noqa: ARG002 - Temporal wants what __init__ takes
        """Answers the phase in which the petition ended."""
        long_enough = workflow.info().is_continue_as_new_suggested
        await self.matter.load()
        self.beside(self.matter.listen())
        self.beside(ClockWatch(self.matter).run())
        self.beside(self.task_stories())
        story = asyncio.create_task(self.story())
        await workflow.wait_condition(lambda: story.done() or self.broken_off or (long_enough() and self.matter.quiet))
        for side_story in self.side_stories:
            if side_story.done():
                side_story.result()  # raises what broke it off
        if not story.done():
            workflow.continue_as_new(self.matter.heard)
        story.result()
        return self.state.phase

    async def story(self) -> None:
        """People and clocks lead from phase to phase; one step of them is its own. Phases come again: another round,
        or an urgent petition that can wait after all."""
        while not self.over:
            await self.invite_feedback()
            await self.leaves(self.state.phase)

    async def invite_feedback(self) -> None:
        while self.state.phase == "answered":
            # The rule tells the second invitation of a round from the first.
            await self.matter.issue("invite_feedback", rule="commitment" if self.state.delivered else None)

    async def task_stories(self) -> None:
        """Tell the story of each task on the roadmap, once."""
        told: set[UUID] = set()
        while True:
            for task in self.state.tasks:
                if task.id not in told:
                    told.add(task.id)
                    self.beside(TaskStory(self.matter, task.id).run())
            await workflow.wait_condition(lambda: any(task.id not in told for task in self.state.tasks))

    async def leaves(self, phase: str) -> None:
        await workflow.wait_condition(lambda: self.over or self.state.phase != phase)

    @workflow.signal
    def nudge(self, position: int) -> None:
        """Something has happened in this matter; ``position`` is its last event's."""
        self.matter.hear(position)

    @workflow.query
    def known(self) -> MatterState | None:
        """What the story knows; nothing before it has looked for the first time."""
        return self.matter.loaded

    def beside(self, story: Coroutine[Any, Any, None]) -> None:
        self.side_stories.append(asyncio.create_task(story))

    @property
    def over(self) -> bool:
        """Ended, with nothing left to do. Not before all is quiet: news may be that it goes on after all."""
        return self.state.ended and not any(task.open for task in self.state.tasks) and self.matter.quiet

    @property
    def broken_off(self) -> bool:
        return any(story.done() and story.exception() for story in self.side_stories)

    @property
    def state(self) -> MatterState:
        return self.matter.state
