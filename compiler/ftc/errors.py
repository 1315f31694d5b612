"""Errors that the user can mend; anything else that is raised is a bug in ftc."""


class FtcError(Exception):
    """What and where, then what to try; `exit_code` is 2 (bad input) or 4 (a backend failed).

    `str(error)` is the first line; `error.hint` is the second and may be empty.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code
