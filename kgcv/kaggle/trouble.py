"""What went wrong in a call to Kaggle, whether trying again may help, and what a person should know and do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ssl import SSLCertVerificationError
from typing import Literal

from kgcv.errors import KaggleError
from kgcv.kaggle.answers import Refused, Unreadable
from kgcv.kaggle.patience import seconds_asked

DOCTOR = "kgcv kaggle doctor"

_NO_ANSWER = "no answer in time"
_GATEWAY_TIMEOUT = 504


class KaggleRefused(KaggleError):
    """Kaggle answered, and said no."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status
        """Of the answer: 401, 403, 429, ..."""


class LostAnswer(KaggleError):
    """A request that must not be repeated was sent, and nobody knows whether it was carried out."""

    def __init__(self, what: str, reason: str, may_be_at_work: bool = False) -> None:
        super().__init__(f"{what} was sent, and nobody knows whether it arrived: {reason}")
        self.reason = reason
        """What came instead of the answer."""
        self.may_be_at_work = may_be_at_work
        """Whether it may still be carried out, long after this was raised."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failed call. No text of it comes from an exception's message: those hold addresses with their signatures."""

    kind: Literal["refused", "unreachable", "unreadable"]
    text: str
    """What happened: the server's words, or why it cannot be reached."""
    status: int = 0
    """Of the answer, where there is one."""
    retry_after: str | None = None
    was_sent: bool = True
    """Whether the request may have reached the server."""
    may_pass: bool = False
    """Whether the same call may do better later."""
    may_be_at_work: bool = False
    """Whether the server may not be done with the request: it did not say, or a gateway did not wait for it."""

    def describe(self, who: str = "Kaggle") -> str:
        """One clause; `who` is the server."""
        match self.kind:
            case "refused":
                return f"{who} refused with {self.status}" + (f': "{self.text}"' if self.text else "")
            case "unreachable":
                return f"{who} cannot be reached: {self.text}"
            case "unreadable":
                return f"the answer is not {who}'s, or not readable: {self.text}"


def diagnose(error: Exception) -> Trouble:
    """What `error`, from a call of the client, means: Refused, Unreadable, or one of `requests`."""
    from requests import exceptions

    match error:
        case Refused():
            may_pass, is_late = error.status == 429 or error.status >= 500, error.status == _GATEWAY_TIMEOUT
            how = {"may_pass": may_pass, "may_be_at_work": is_late}
            return Trouble("refused", error.words, error.status, error.retry_after, **how)
        case Unreadable():
            return Trouble("unreadable", str(error))
        case exceptions.SSLError() if _is_untrusted(error):
            return Trouble("unreachable", "its certificate is not accepted; is a proxy in between?", was_sent=False)
        case exceptions.Timeout() | exceptions.ConnectionError():
            reason, was_sent = _network_reason(error), _was_sent(error)
            is_late = was_sent and reason.startswith(_NO_ANSWER)
            return Trouble("unreachable", reason, was_sent=was_sent, may_pass=True, may_be_at_work=is_late)
        case exceptions.ChunkedEncodingError() | exceptions.ContentDecodingError():
            return Trouble("unreachable", "the answer was cut", may_pass=True)
    never_left = isinstance(error, exceptions.InvalidURL | exceptions.InvalidSchema | exceptions.InvalidHeader)
    text = f"the request cannot be made ({type(error).__name__}); is a proxy variable wrong?"
    return Trouble("unreachable", text, was_sent=not never_left)


def _is_untrusted(error: BaseException) -> bool:
    """Whether the connection was never made, rather than cut: both are SSLErrors."""
    return any(isinstance(one, SSLCertVerificationError) for one in _causes(error))


def _was_sent(error: BaseException) -> bool:
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    return not any(isinstance(one, NewConnectionError | ConnectTimeoutError) for one in _causes(error))


def _network_reason(error: BaseException) -> str:
    from urllib3.exceptions import NameResolutionError, NewConnectionError, ProxyError, TimeoutError

    causes = list(_causes(error))
    if any(isinstance(one, NameResolutionError) for one in causes):
        reason = "the name is not found; is there a network?"
    elif any(isinstance(one, NewConnectionError) for one in causes):  # is a TimeoutError too
        reason = "no connection"
    elif any(isinstance(one, TimeoutError) for one in causes):
        reason = _NO_ANSWER
    else:
        reason = "the connection was cut"
    is_proxy = any(isinstance(one, ProxyError) for one in causes)
    return f"{reason} (through the proxy that the environment names)" if is_proxy else reason


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what lies within it, however it is wrapped."""
    yield error
    inner = [*error.args, *(getattr(error, name, None) for name in ("reason", "original_error", "__cause__"))]
    for one in inner:
        if isinstance(one, BaseException):
            yield from _causes(one)


def explain(trouble: Trouble, what: str, slug: str, hints: tuple[str, ...] = ()) -> KaggleError:
    """The error for a person: what was asked, what came back, and what to do, a line each.

    Args:
        trouble: What happened.
        what: What was asked, such as `the files of SLUG`.
        slug: The competition, or empty.
        hints: What was found wrong with the credentials.
    """
    text = "\n".join([f"{what}: {trouble.describe()}", *_advice(trouble, slug, hints)])
    return KaggleRefused(text, trouble.status) if trouble.kind == "refused" else KaggleError(text)


def _advice(trouble: Trouble, slug: str, hints: tuple[str, ...]) -> list[str]:
    match trouble.status:
        case 400 if slug:
            return [f"see what may stand in the way with: {DOCTOR} {slug}"]
        case 401:
            return [*hints, f"the credentials are not accepted; see what was found with: {DOCTOR}"]
        case 403 if slug:
            return _likely_causes(slug)
        case 404 if slug:
            return [f"is the name right? {slug}: https://www.kaggle.com/competitions/{slug}"]
        case 429:
            seconds = seconds_asked(trouble.retry_after)
            return ["too many requests; " + (f"try again in {seconds:.0f} s" if seconds else "try again later")]
    return ["try again later"] if trouble.status >= 500 or trouble.may_pass else []


def _likely_causes(slug: str) -> list[str]:
    """Kaggle gives 403 for all of these; most frequent first, as people report them."""
    page = f"https://www.kaggle.com/competitions/{slug}"
    return [
        "likely causes, in this order:",
        f"1. the competition's rules are not accepted yet: {page}/rules",
        f"2. the name is misspelt: {slug}",
        f"3. you have not joined, or your team cannot any more: {page}",
        "4. your phone number is not verified: https://www.kaggle.com/settings",
    ]
