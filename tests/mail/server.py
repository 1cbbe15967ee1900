"""A mail server for tests, which does as the recipient's name says and tells on stdout, a JSON line each, what happens.

    python server.py [--tls none|starttls|implicit] [--certificate FILE --key FILE] [--user NAME --password TEXT]
                     [--mechanism PLAIN|LOGIN] [--ascii]

The first line has the port. It ends with its standard input. The part of a recipient before the `@`:
`greylisted`, `rejected`, `leaving`: RCPT is answered with 451, 550, 421; `mute`: never; `gone`: the connection is closed;
`data-deferred`, `data-rejected`, `data-leaving`, `data-mute`, `data-gone`: the same after the mail itself;
`data-refused`: DATA is accepted with the wrong code. Any other mail is accepted, and told.
"""

import argparse
import asyncio
import base64
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

CODES = {
    "greylisted": "451 4.7.1 Greylisted, try again later",
    "deferred": "452 4.3.1 Insufficient system storage",
    "rejected": "550 5.1.1 No such user here",
    "leaving": "421 4.3.2 Service shutting down",
}


def tell(**what):
    print(json.dumps(what), flush=True)


async def follow(word, server):
    """Answers as the word says; nothing: the mail is accepted."""
    if word == "mute":
        await asyncio.Event().wait()
    if word == "gone":
        server.transport.abort()
        await asyncio.Event().wait()
    return CODES.get(word)


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        refusal = await follow(address.split("@")[0], server)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        refusal = await follow(envelope.rcpt_tos[0].split("@")[0].removeprefix("data-"), server)
        if refusal:
            return refusal
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        tell(
            event="mail",
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            options=envelope.mail_options,
            user=session.auth_data.login.decode() if session.auth_data else None,
            encrypted=session.ssl is not None or server._tls_implicit,
            peer=session.peer[1],
            headers={name.lower(): str(value) for name, value in mail.items()},
            defects=[str(defect) for part in mail.walk() for defect in part.defects],
            kind=mail.get_content_type(),
            text=parts.get("text/plain"),
            html=parts.get("text/html"),
            ascii=envelope.original_content.isascii(),
            raw=base64.b64encode(envelope.original_content).decode(),
        )
        return "250 2.0.0 OK"

    async def handle_RSET(self, server, session, envelope):
        tell(event="reset", peer=session.peer[1])
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):
        tell(event="quit", peer=session.peer[1])
        return "221 Bye"


class Server(SMTP):
    _tls_implicit = False

    def connection_made(self, transport):
        if self.session is None:
            tell(event="connected", peer=transport.get_extra_info("peername")[1])
        super().connection_made(transport)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--mechanism", choices=["PLAIN", "LOGIN"])
    parser.add_argument("--ascii", action="store_true")
    given = parser.parse_args()

    context = None
    if given.tls != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate, given.key)

    def authenticate(server, session, envelope, mechanism, login):
        right = (given.user, given.password)
        good = (login.login.decode(), login.password.decode()) == right
        return AuthResult(success=good, handled=False, auth_data=login)

    offered = [given.mechanism] if given.mechanism else ["PLAIN", "LOGIN"] if given.user else []

    def server():
        it = Server(
            Handler(),
            enable_SMTPUTF8=not given.ascii,
            hostname="mail.example.com",
            tls_context=context if given.tls == "starttls" else None,
            require_starttls=given.tls == "starttls",
            authenticator=authenticate if given.user else None,
            auth_required=given.user is not None,
            auth_require_tls=False,
            auth_exclude_mechanism=[name for name in ("PLAIN", "LOGIN") if name not in offered],
        )
        it._tls_implicit = given.tls == "implicit"
        return it

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        server, "127.0.0.1", 0, ssl=context if given.tls == "implicit" else None
    )
    tell(event="listening", port=listening.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    asyncio.run(main())
