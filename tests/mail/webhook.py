"""A webhook for tests, which does as its path says and tells on stdout, a JSON line each, what is sent to it.

    python webhook.py --secret whsec_… [--secret whsec_…]

The first line has the port. It ends with its standard input. Each call is told with the secrets that verify it, by their places.
The path: `/204`, or another number: the status; `/redirect`: to `/204`; `/mute`: no answer; `/flaky`: 503 to the first call of an
id; `/endless`: 200, and a body without end.
"""

import argparse
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError


def tell(**what):
    print(json.dumps(what), flush=True)


def verifies(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    secrets = []
    seen = set()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        verified = [place for place, secret in enumerate(self.secrets) if verifies(secret, body, headers)]
        tell(event="call", path=self.path, headers=headers, verified=verified, body=json.loads(body))
        word = self.path.strip("/").split("?")[0]
        if word == "mute":
            threading.Event().wait()
        if word == "redirect":
            return self.answer(302, location="/204")
        if word == "flaky":
            known = headers["webhook-id"] in self.seen
            self.seen.add(headers["webhook-id"])
            return self.answer(204 if known else 503)
        if word == "endless":
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            while True:
                self.wfile.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        self.answer(int(word))

    def answer(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def do_GET(self):
        tell(event="get", path=self.path)
        self.answer(204)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that closes its connection is no error of the server."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--secret", action="append", default=[])
    Handler.secrets = parser.parse_args().secret
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tell(event="listening", port=server.server_port)
    sys.stdin.read()


if __name__ == "__main__":
    main()
