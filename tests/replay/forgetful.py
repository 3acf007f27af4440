"""A story that was changed without care, for the replay to find out."""

from temporalio import workflow

from workflows.petition import PetitionStory


@workflow.defn(name="PetitionStory")
class Forgetful(PetitionStory):
    """Invites nobody to judge."""

    @workflow.init
    def __init__(self, heard: int = 0) -> None:
        super().__init__(heard)

    @workflow.run
    async def run(self, heard: int = 0) -> str:
        return await super().run(heard)

    async def invite_feedback(self) -> None:
        await self.leaves("answered")
