"""The least that a backend must do to stand in for Layer (docs/backends.md): two people and one conversation.

Use it beside a service with these settings, layer.register = false among them:

    layer.api_url = "http://127.0.0.1:8099"
    layer.register = false

LAYER_SECRET is layer.secret, LAYER_APP_ID is layer.app_id, LAYER_TOKEN is layer.token, LAYER_WEBHOOK the URL of the
service for events. Type "ann: Lunch at one?" to write as Ann, "bob reads" when Bob has read everything.
"""

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

SECRET = os.environ["LAYER_SECRET"].encode()
APP = f"/apps/{os.environ['LAYER_APP_ID']}"
TOKEN = f"Bearer {os.environ['LAYER_TOKEN']}"
WEBHOOK = os.environ.get("LAYER_WEBHOOK", "http://127.0.0.1:8080/nexmo-new-message")
PORT = int(os.environ.get("LAYER_PORT", "8099"))
PHONES = {"ann": "+12015550111", "bob": "+12015550112"}
TALK = "e67b5da2-95ca-40c4-bfc5-a2a8baaeb50f"

lock = threading.Lock()
messages = []  # (UUID, sender)
posted = {}  # UUID of a reply -> the answer that it got


def send(kind, actor, message):
    """Post one event, again and again until the service has it."""
    body = json.dumps({"event": {"type": kind, "actor": {"user_id": actor}}, "message": message}).encode()
    headers = {"content-type": "application/json", "layer-webhook-signature": hmac.digest(SECRET, body, "sha1").hex()}
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(WEBHOOK, body, headers), timeout=30) as answer:
                return print("  ", kind, answer.status, answer.read().decode(), flush=True)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                return print("  ", kind, error.code, flush=True)
        except OSError as error:
            print("  ", error, flush=True)
        time.sleep(5)


def write(user, text):
    """A message stands in the conversation, whether it was typed or came by SMS."""
    message = {
        "id": f"layer:///messages/{uuid.uuid4()}",
        "conversation": {"id": f"layer:///conversations/{TALK}"},
        "sender": {"user_id": user},
        "recipient_status": {each: "read" if each == user else "sent" for each in PHONES},
        "parts": [{"mime_type": "text/plain", "body": text}],
    }
    messages.append((message["id"], user))
    print(f"{user}: {text}", flush=True)
    threading.Thread(target=send, args=("message.sent", user, message), daemon=True).start()
    return message


class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        """Who a user is. Registration, conversations and the rest do not exist."""
        *start, user, last = self.path.split("/")
        if self.headers["authorization"] != TOKEN:
            return self.error(401, "authentication_required", 4)
        if "/".join(start) != f"{APP}/users" or last != "identity" or user not in PHONES:
            return self.error(404, "not_found", 102)
        return self.answer(200, {"user_id": user, "display_name": user.title(), "phone_number": PHONES[user]})

    def do_POST(self):
        """A reply, posted once for each UUID in If-None-Match."""
        document = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != TOKEN:
            return self.error(401, "authentication_required", 4)
        if self.path != f"{APP}/conversations/{TALK}/messages":
            return self.error(404, "not_found", 102)
        once = self.headers["if-none-match"]
        with lock:
            if once not in posted:
                text = "".join(part["body"] for part in document["parts"])
                posted[once] = write(document["sender"]["user_id"], text)
        return self.answer(201, posted[once])

    def error(self, code, name, number):
        """Layer's error object: without it a 404 is taken for a page of a proxy."""
        self.answer(code, {"id": name, "code": number, "message": name, "url": "", "data": {}})

    def answer(self, code, document):
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_):
        """Nothing."""


def main():
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        user, colon, text = line.strip().partition(":")
        if colon and user in PHONES:
            write(user, text.strip())
        elif line.strip().endswith(" reads"):
            for message, sender in messages:
                send("message.read", line.split()[0], {"id": message, "sender": {"user_id": sender}})
        else:
            print("write 'ann: Lunch at one?' or 'bob reads'", flush=True)


if __name__ == "__main__":
    main()
