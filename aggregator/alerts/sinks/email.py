"""E-mail, by SMTP: the id of the alert is part of the Message-ID, so that a repeat can be told."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from billstream.aggregator.alerts.config import EmailPlace, secret
from billstream.aggregator.alerts.values import Letter, Undelivered

SECONDS = 4.0
"""Seconds for each answer of the server."""


def send(place: EmailPlace, letter: Letter) -> None:
    """Send a letter to all addresses; accepted by the server for one of them, it counts as sent.

    Raises:
        Undelivered: the server did not take it, or the password or certificate was refused.
    """
    where = f"{place.host}:{place.port}"
    user = secret(place.user_from) if place.user_from else None
    password = secret(place.password_from) if place.password_from else None
    try:
        with _connected(place) as server:
            if place.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if user is not None and password is not None:
                server.login(user, password)
            server.send_message(mail(place, letter), place.sender, place.to)
    except ssl.SSLError:
        raise Undelivered(f"{where}: its certificate is not trusted, or TLS failed.") from None
    except smtplib.SMTPAuthenticationError as error:
        raise Undelivered(f"{where}: user or password refused ({error.smtp_code}).") from None
    except smtplib.SMTPResponseException as error:
        reply = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        answered = error.smtp_code // 100 == 5  # noqa: PLR2004 - for good, as SMTP has it
        raise Undelivered(f"{where}: answered {error.smtp_code} {reply}", answered=answered) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise Undelivered(f"{where}: refused {len(error.recipients)} addresses.", answered=True) from None
    except smtplib.SMTPNotSupportedError:
        raise Undelivered(f"{where}: does not offer what is needed, such as STARTTLS; see `tls` of the sink.") from None
    except (smtplib.SMTPException, OSError) as error:
        raise Undelivered(f"{where}: no connection, or no answer in time ({type(error).__name__}).") from None


def _connected(place: EmailPlace) -> smtplib.SMTP:
    if place.tls == "implicit":
        return smtplib.SMTP_SSL(place.host, place.port, timeout=SECONDS, context=ssl.create_default_context())
    return smtplib.SMTP(place.host, place.port, timeout=SECONDS)


def mail(place: EmailPlace, letter: Letter) -> EmailMessage:
    """Return the message. No character of a name can begin a header: the title has one line."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = f"[billstream] {letter.title}"
    message["From"] = Address(addr_spec=place.sender)
    message["To"] = [Address(addr_spec=address) for address in place.to]
    message["Date"] = letter.created_at
    message["Message-ID"] = f"<{letter.alert_id}@billstream>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{letter.title}\n\n{letter.text}\n")
    return message
