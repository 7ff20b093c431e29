"""The end of a command that failed: the sentence, the line in a service's log, and the exit code."""

import os
from pathlib import Path

import structlog

from billstream.cli.terminal import failure
from billstream.common.errors import BillstreamError
from billstream.common.exits import ExitCode, exit_code_of
from billstream.common.places import explained
from billstream.common.runtime import configure_logs
from billstream.common.settings import Settings

log = structlog.get_logger(__name__)


def told(error: Exception, *, service: bool) -> int | None:
    """Tell the operator of an error, and return the exit code; None for a bug, whose traceback Python has to show.

    Args:
        error: what has ended the command.
        service: its end also is the event `process_failed` in the log, at level error; a bug with its traceback.
    """
    known = _about_a_file(error) if isinstance(error, OSError) else error
    if not isinstance(known, BillstreamError):
        if service and structlog.is_configured():
            log.error("process_failed", reason=str(error) or type(error).__name__, exit_code=1, exc_info=error)
            return int(ExitCode.TROUBLE)
        return None
    code = int(exit_code_of(known))
    if service:
        _log_failure(str(known), code)
    failure(str(known))
    return code


def _about_a_file(error: OSError) -> Exception:
    if not isinstance(error.filename, str | bytes):
        return error
    place = Path(os.fsdecode(error.filename))
    return explained(error, place, "this command", _variable_of(place))


def _variable_of(place: Path) -> str | None:
    """Return the setting that names the folder in which a path is, None when no setting does."""
    try:
        settings = Settings.from_environment()
    except BillstreamError:
        return None
    named = {
        settings.home: "BILLSTREAM_HOME",
        settings.spool: "BILLSTREAM_SPOOL_DIR",
        settings.insights: "BILLSTREAM_INSIGHTS_DIR",
        Path(settings.data_location): "BILLSTREAM_DATA_PATH",
        settings.profiles_dir: "BILLSTREAM_PROFILES_DIR",
        settings.exports_dir: "BILLSTREAM_EXPORTS_DIR",
    }
    around = [folder for folder in named if folder and place.absolute().is_relative_to(folder.absolute())]
    return named[max(around, key=lambda folder: len(folder.parts))] if around else None


def _log_failure(reason: str, code: int) -> None:
    if not structlog.is_configured():
        # The settings themselves are wrong: the log has its default form.
        configure_logs(Settings.model_construct())
    log.error("process_failed", reason=reason, exit_code=code)
