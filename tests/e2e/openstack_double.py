# SPDX-License-Identifier: BSD-2-Clause
"""A double of services that no distribution has any more: Keystone's v2.0 tokens and Ceilometer's v2 meters. It is not
OpenStack: it answers as their documentation says, and keeps what it was sent. It can be told to answer otherwise.
"""
import datetime
import http.server
import json
import threading

PASSWORD = "double-secret-91f2"
DOUBLE_PORT = 8777


def time_text(seconds_from_now):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.double.requests.append((self.path, self.headers, body))
        status, headers, answer = self.server.double.answer(self.path, self.headers, body)
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Double:
    def __init__(self, host, port):
        self.requests, self.samples, self.tokens, self.statuses = [], [], [], []
        self.lifetime = 3600
        self.token_answer = None  # what v2.0/tokens answers instead
        with host:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.double = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, path, headers, body):
        if path == "/v2.0/tokens":
            return self.token_answer or self.give_token(json.loads(body))
        if headers["X-Auth-Token"] not in self.tokens[-1:]:
            return 401, {}, {"error": {"message": "Unauthorized"}}
        if self.statuses:
            return self.statuses.pop(0), {}, {"error_message": "as told"}
        assert path.startswith("/v2/meters/")
        self.samples.append((path, json.loads(body)))
        return 200, {}, json.loads(body)

    def give_token(self, request):
        if request["auth"]["passwordCredentials"]["password"] != PASSWORD:
            return 401, {}, {"error": {"message": "The request you have made requires authentication.", "code": 401}}
        self.tokens.append(f"token-{len(self.tokens)}")
        return 200, {}, {"access": {"token": {"id": self.tokens[-1], "expires": time_text(self.lifetime)}}}

    def revoke(self):
        self.tokens.append("revoked")
