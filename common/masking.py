"""The secrets of this process, and texts without them.

A secret is given to the one place that needs it and to no text. Texts that others write (a vendor's error, a traceback)
pass through `masked` where they leave the process: in the translation of errors, in the log, on standard error.
"""

import json
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from types import TracebackType
from urllib.parse import quote, quote_plus

MASK = "********"
SHORTEST = 4  # a shorter text is part of many words; masking it would show where it stands
SHORTEST_KEY = 16  # keys of AWS are longer; those of an emulator are words such as "test"

_USER_INFO = re.compile(r"(://[^\s/:@?#]*:)[^\s/@]+@")  # of any URL, whoever wrote it
_IN_ENVIRONMENT = (
    ("PGPASSWORD", SHORTEST),
    ("AWS_SECRET_ACCESS_KEY", SHORTEST_KEY),
    ("AWS_SESSION_TOKEN", SHORTEST_KEY),
)
_WORDS = frozenset({"billstream", "postgres", "postgresql"})  # in nearly every line

_kept: set[str] = set()


def keep_secret(secret: str | None, *, public: Iterable[str] = (), shortest: int = SHORTEST) -> None:
    """Mask this text from now on.

    Args:
        secret: the text; an empty one, or None, is no secret.
        public: texts that are shown beside it, such as the name of the user. A password that is one of them stays
            visible, as masking it would only tell that it is the password.
        shortest: characters below which it is not masked.
    """
    if secret and len(secret) >= shortest and secret not in {*_kept, *_WORDS, *public}:
        _kept.update(_forms(secret))


def masked(text: str) -> str:
    """Return a text without the secrets of this process, however they are quoted in it."""
    return masking()(text)


def masking() -> Callable[[str], str]:
    """Return `masked` for many texts of one moment: the secrets are looked up once."""
    for name, shortest in _IN_ENVIRONMENT:
        keep_secret(os.environ.get(name), shortest=shortest)
    # The longest first: a part of a secret may be another one.
    forms = sorted(_kept, key=len, reverse=True)

    def mask(text: str) -> str:
        for form in forms:
            text = text.replace(form, MASK)
        return _USER_INFO.sub(rf"\1{MASK}@", text) if "@" in text else text

    return mask


def mask_tracebacks() -> None:
    """Let Python write the traceback of an uncaught exception, in any thread, without secrets."""
    sys.excepthook = _write_traceback
    threading.excepthook = lambda failed: _write_traceback(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _write_traceback(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if not issubclass(kind, SystemExit):
        sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))


def _forms(secret: str) -> set[str]:
    """Return a secret as it may stand in a text: as it is, in a URL, in SQL, for libpq, in JSON and in Python."""
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        secret.replace("'", "''"),
        secret.replace("\\", "\\\\").replace("'", "\\'"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        secret.encode("unicode_escape").decode(),
    }
