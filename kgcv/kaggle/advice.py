"""What a person may do when a file cannot be had."""

from __future__ import annotations

from kgcv.kaggle.patience import seconds_asked
from kgcv.kaggle.trouble import Trouble

_LOG_IN = (
    "log in with a browser, start the download there, and give with --curl what its developer tools copy as cURL, or "
    "its cookies with --cookies"
)


def advise(trouble: Trouble, is_signed: bool) -> str:
    """A line for a request that was given up; empty if there is nothing to say.

    Args:
        trouble: What happened.
        is_signed: Whether Kaggle gave the address, rather than the user.
    """
    match trouble.status:
        case 401 | 403 if not is_signed:
            return f"the address wants a login, or its time is over: {_LOG_IN}"
        case 404 | 410 if not is_signed:
            return "is the address whole? put it in quotes, or the shell cuts it at the first &"
        case 429:
            seconds = seconds_asked(trouble.retry_after)
            return "too many requests; " + (f"try again in {seconds:.0f} s" if seconds else "try again later")
    return "try again later" if trouble.may_pass or is_signed else ""


def advise_on_page(is_signed: bool) -> str:
    """A line about a web page that came instead of a file."""
    if is_signed:
        return "a proxy or a network that wants a sign-in does so: sign in there, and run the same command again"
    return f"sites that want a login do so: {_LOG_IN}"
