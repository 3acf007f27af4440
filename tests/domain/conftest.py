"""Hypothesis measures no time here: on a busy machine a deadline fails for no fault of the code."""

from hypothesis import settings

settings.register_profile("yuetan", deadline=None)
settings.load_profile("yuetan")
