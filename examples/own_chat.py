"""A complete little chat of two people, beside a service with platform = "webhook" (docs/own-chat.md).

What stays unread goes out as SMS, and the answers by SMS appear here. Type, for example:

    ann: Lunch at one?        Ann writes
    bob reads                 Bob has read everything

Only the standard library is used. CHAT_SECRET is webhook.secret, CHAT_EVENTS the URL that events are posted to, and
webhook.api_url is http://127.0.0.1:<CHAT_PORT>/sms.
"""

import base64
import hmac
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["CHAT_SECRET"].removeprefix("whsec_"))
EVENTS = os.environ.get("CHAT_EVENTS", "http://127.0.0.1:8080/chat-events")
PORT = int(os.environ.get("CHAT_PORT", "8099"))
PHONES = {"ann": "+12015550111", "bob": "+12015550112"}
TALK = {"id": "42", "title": "Ann and Bob"}

lock = threading.Lock()
messages = []  # ids
posted = set()  # ids of replies: a real chat keeps them in its database, together with the message


def signature(name, timestamp, body):
    return "v1," + base64.b64encode(hmac.digest(KEY, f"{name}.{timestamp}.".encode() + body, "sha256")).decode()


def send(kind, data):
    """Post one event, again and again until the service has stored it."""
    body, name = json.dumps({"type": kind, "data": data}).encode(), f"msg_{uuid.uuid4().hex}"
    while True:
        now = str(int(time.time()))
        headers = {"webhook-id": name, "webhook-timestamp": now, "webhook-signature": signature(name, now, body)}
        try:
            with urllib.request.urlopen(urllib.request.Request(EVENTS, body, headers), timeout=30) as answer:
                return print("  ", kind, answer.status, answer.read().decode(), flush=True)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                return print("  ", kind, error.code, error.read().decode(), flush=True)
        except OSError as error:
            print("  ", error, flush=True)
        time.sleep(5)


def write(user, text):
    """A message stands in the conversation, whether it was typed or came by SMS."""
    message = uuid.uuid4().hex
    messages.append(message)
    print(f"{user}: {text}", flush=True)
    others = [{"id": other, "name": other.title(), "phone": PHONES[other]} for other in PHONES if other != user]
    sender = {"id": user, "name": user.title()}
    event = {"id": message, "text": text, "conversation": TALK, "sender": sender, "recipients": others}
    threading.Thread(target=send, args=("message.sent", event), daemon=True).start()


class Replies(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        name, timestamp = self.headers["webhook-id"] or "", self.headers["webhook-timestamp"] or "0"
        own, given = signature(name, timestamp, body), (self.headers["webhook-signature"] or "").split(" ")
        right = timestamp.isdigit() and any(hmac.compare_digest(own.encode(), each.encode()) for each in given)
        if not right or abs(time.time() - int(timestamp)) > 300:
            return self.answer(401, {"error": {"code": "signature"}})
        reply = json.loads(body)["data"]
        if reply["conversation"] != TALK["id"]:
            return self.answer(404, {"error": {"code": "conversation_gone"}})
        if reply["user"] not in PHONES:
            return self.answer(403, {"error": {"code": "not_participant"}})
        with lock:  # a reply that comes again is posted once
            if reply["id"] not in posted:
                posted.add(reply["id"])
                write(reply["user"], reply["text"])
        return self.answer(200, {})

    def answer(self, code, document):
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_):
        """Nothing."""


def main():
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Replies)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        user, colon, text = line.strip().partition(":")
        if colon and user in PHONES:
            write(user, text.strip())
        elif line.strip().endswith(" reads"):
            for message in messages:
                send("message.read", {"user": line.split()[0], "message": message})
        else:
            print("write 'ann: Lunch at one?' or 'bob reads'", flush=True)


if __name__ == "__main__":
    main()
