"""The one exception with which a simulated operation says no."""


class AwsError(Exception):
    """An answer that is an error: `code` as the service spells it, `status` its HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
