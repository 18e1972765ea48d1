"""What is raised where a plan does not fit any more."""


class ChangedError(Exception):
    """An assumption of the plan no longer holds."""
