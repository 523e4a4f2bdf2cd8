"""A client of the Virtual Agent Bot Integration API, written from the facts of its wire alone.

    python3 client.py http://127.0.0.1:9000 9001

It asks for an agent, talks, says that it is typing, follows a transfer, renews its token when that
is refused, and ends the chat. Callbacks come to port 9001. It prints what a user would be told.
"""

import http.server
import json
import queue
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

ORIGIN, PORT = sys.argv[1], int(sys.argv[2])
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no cookies, no proxy
CLIENT = {"client_id": "simulator-client", "client_secret": "simulator-client-secret"}
callbacks = queue.Queue()


class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        allowed = self.headers.get("Authorization") == "Bearer hook-secret"
        self.send_response(200 if allowed else 401)  # first of all: a slow answer ends the chat
        self.send_header("Content-Length", "0")
        self.end_headers()
        if allowed:
            callbacks.put(json.loads(body))

    def log_message(self, *_):
        pass


class Instance:
    def __init__(self):
        self.requests = 0
        self.token = self.ask(grant_type="password", username="simulator.user",
                              password="simulator-password")

    def ask(self, **form):
        data = urllib.parse.urlencode({**CLIENT, **form}).encode()
        with OPENER.open(f"{ORIGIN}/oauth_token.do", data, timeout=20) as answer:
            return json.load(answer)

    def send(self, text=None, action=None):
        self.requests += 1
        body = {"requestId": f"py-{self.requests}", "clientSessionId": "py", "userId": "py-user"}
        if action:
            body["action"] = action
        if text is not None:
            body["message"] = {"text": text, "typed": True, "clientMessageId": f"m-{self.requests}"}
        try:
            self.post(body)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                raise
            self.token = self.ask(grant_type="refresh_token",
                                  refresh_token=self.token["refresh_token"])
            print("token refreshed", flush=True)
            self.post(body)  # the same request, with the same ids

    def post(self, body):
        request = urllib.request.Request(
            f"{ORIGIN}/api/sn_va_as_service/bot/integration",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Accept": "application/json",
             "Authorization": "Bearer " + self.token["access_token"]})
        with OPENER.open(request, timeout=20) as answer:
            if json.load(answer).get("status") != "success":
                raise SystemExit("the request was refused with 200")


def events():
    """What the callbacks mean, each event once."""
    waiting = connected = False
    while True:
        envelope = callbacks.get(timeout=60)
        items = envelope.get("body") or []
        for item in items if isinstance(items, list) else [items]:
            action = item.get("actionType")
            if action == "SubscribeToSupportQueue" and not waiting:
                waiting = True
                yield "waiting", None
            elif action == "SwitchToLiveAgent" and not connected:
                connected = True
                yield "connected", None
            elif item.get("uiType") == "OutputText" and item.get("agentInfo", {}).get("sentFromAgent"):
                name = item["agentInfo"].get("agentName", "agent")
                yield name, item.get("value") or item.get("label") or item.get("message")
        if envelope.get("completed"):
            yield "ended", None
            return


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Webhook)
threading.Thread(target=server.serve_forever, daemon=True).start()
instance = Instance()
instance.send("I need a person", action="AGENT")
for who, words in events():
    print(f"agent {who}: {words}" if words else who, flush=True)
    if who == "connected":
        instance.send("Hello")
    elif words and "about?" in words:
        instance.send(action="TYPING")
        instance.send(action="VIEWING")
        instance.send("My pay is wrong")
    elif words and who == "Robin":
        instance.send("Thank you, Robin")
        instance.send("", action="END_CONVERSATION")
server.shutdown()
