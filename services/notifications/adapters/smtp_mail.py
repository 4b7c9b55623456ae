"""Messages by e-mail, over SMTP (RFC 5321) with TLS (RFC 3207, RFC 8314)."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Final, Literal

import aiosmtplib

from services.notifications.domain.channels import ChannelName, Ending, Parcel, Result

Security = Literal["starttls", "tls", "none"]

DEADLINE: Final = timedelta(seconds=45)
"""After this the session is cut, however slowly the server goes on answering."""
COMPLETED: Final = 250
"""The answer to a message that was taken (RFC 5321 section 4.2.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in, and as whom. `ca_file` holds certificates trusted instead of the system's."""

    host: str
    port: int
    security: Security
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


class MailChannel:
    """Sends each message in the producer's language to the address it filed."""

    name: ChannelName = "email"

    def __init__(self, server: MailServer, *, deadline: timedelta = DEADLINE) -> None:
        self._server = server
        self._deadline = deadline.total_seconds()

    def send(self, parcel: Parcel) -> Result:
        """See `Channel`."""
        if parcel.email is None:
            return Result(Ending.UNADDRESSED, "no_address")
        try:
            mail = self._written(parcel, parcel.email)
        except (ValueError, IndexError, MessageError):  # what the email package makes of what is no address
            return Result(Ending.REFUSED, "address_unusable")
        try:
            asyncio.run(self._hand_in(mail))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return _ending(error)
        return Result(Ending.SENT, status=COMPLETED, works=True)

    async def _hand_in(self, mail: EmailMessage) -> None:
        """Raise what kept the server from taking it; what comes after it was taken would only repeat it."""
        server = self._server
        context = ssl.create_default_context(cafile=server.ca_file) if server.security != "none" else None
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=context,
            timeout=self._deadline,
        )
        connection: asyncio.BaseTransport | None = None
        taken = False
        try:
            async with asyncio.timeout(self._deadline), client:
                connection = client.transport
                await client.send_message(mail)
                taken = True
        except (aiosmtplib.SMTPException, OSError):
            if not taken:
                raise
        finally:
            if isinstance(connection, asyncio.WriteTransport):
                connection.abort()  # over TLS it would wait for the server's consent, and this loop ends
                await asyncio.sleep(0)  # the loop closes the socket at its next turn

    def _written(self, parcel: Parcel, address: str) -> EmailMessage:
        text = parcel.texts[parcel.language]
        sender = Address(addr_spec=self._server.sender)
        mail = EmailMessage(policy=SMTP)
        mail["From"] = sender
        mail["To"] = Address(addr_spec=address)
        mail["Subject"] = " ".join(text.subject.split())  # a product's name may have more than one line
        mail["Date"] = parcel.put_at
        mail["Message-ID"] = f"<{parcel.message_id}@{sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
        mail.set_content(text.body + "\n")
        mail["Content-Language"] = parcel.language
        return mail


def _ending(error: Exception) -> Result:
    """What a failed session came to. RFC 5321 section 4.2.1: 5yz is for good, 4yz may be tried again.

    Only an answer about this recipient or this message is for good, and leaves the channel in good health: a
    refused login or sender is trouble of the settings, in which every message waits.
    """
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        code = max((refused.code for refused in error.recipients), default=0)
        return _refused(code, "recipient_refused")
    if isinstance(error, aiosmtplib.SMTPDataError):
        return _refused(error.code, "message_refused")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return Result(Ending.FAILED, f"server_answered_{error.code}", status=error.code)
    return Result(Ending.FAILED, f"server_unreachable: {type(error).__name__}")


def _refused(code: int, trouble: str) -> Result:
    ending = Ending.REFUSED if code >= 500 else Ending.FAILED
    return Result(ending, trouble, status=code or None, works=True)
