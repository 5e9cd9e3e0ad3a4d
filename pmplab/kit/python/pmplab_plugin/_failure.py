"""Why something did not succeed."""


class Failure(Exception):  # noqa: N818 - the word of the contract
    """An action failed: `kind` is an error type of the table of pmplab, `outputs` what it brought all the same."""

    def __init__(self, kind: str, message: str, **outputs: object) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.outputs = outputs


class Refusal(Exception):  # noqa: N818 - the word of the contract
    """A parameter makes no sense: raised by `Plugin.check`, before a run begins."""


def described(error: BaseException) -> str:
    """Return an exception and where it was raised: without the source, which is not there to be read."""
    place, at = "", error.__traceback__
    while at is not None:
        file = at.tb_frame.f_code.co_filename.rpartition("/")[2]
        place = f" ({file}:{at.tb_lineno} in {at.tb_frame.f_code.co_name})"
        at = at.tb_next
    return f"{type(error).__name__}: {error}{place}"
