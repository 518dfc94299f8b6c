"""Checks conformance/run-kit.mjs: it must inject what a kit's configuration says, and fail when an assertion fails.

The kit is one of our own making, in the shape of the official ones; the server obeys it or breaks it on purpose.
Needs `node` on the path and newman installed (tests/run/setup.sh kit). Prints "kit-runner: N passed, N failed".
"""

import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNNER = ROOT / "conformance" / "run-kit.mjs"
PAYLOAD = {"thing": [{"id": "77", "service": {}}]}


class Server(http.server.ThreadingHTTPServer):
    """Answers POST /api/thing with 201 (or what `status` says) and remembers what it was sent."""

    def __init__(self, status):
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/api"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.path, self.headers.get("X-Kit"), body))
        self.answer(self.server.status, {"id": "1"})

    def do_GET(self):
        self.answer(200, [{"id": "1"}])

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def request(method, path, script, body=None):
    return {
        "name": path,
        "request": {
            "method": method,
            "header": [],
            "url": {"raw": "{{Some_Api}}" + path, "host": ["{{Some_Api}}" + path]},
        }
        | ({"body": {"mode": "raw", "raw": body}} if body else {}),
        "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": [script]}}],
    }


def write_kit(folder, collection=True):
    ctk = folder / "ctk"
    ctk.mkdir(parents=True)
    config = {
        "url": "http://unused/",
        "headers": {"Content-Type": "application/json", "X-Kit": "yes"},
        "payloads": {"Thing": {"POST": {"payload": PAYLOAD}}},
    }
    # A comma after the last member is one of the traps of the real kits.
    (folder / "config.json").write_text(json.dumps(config)[:-1] + ",\n}")
    (ctk / "ENV.json").write_text(json.dumps({"name": "e", "values": [{"key": "Some_Api", "value": "http://unused"}]}))
    (ctk / "package.json").write_text("{}")
    if collection:
        items = [
            {
                "name": "first",
                "item": [
                    request("POST", "thing", "pm.test('created', () => pm.response.to.have.status(201));", "replaced"),
                    request("GET", "thing", "pm.test('listed', () => pm.response.to.have.status(200));"),
                ],
            }
        ]
        schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
        # The byte order mark is one of the traps of the real kits.
        text = "\ufeff" + json.dumps({"info": {"name": "kit", "schema": schema}, "item": items})
        (ctk / "kit.postman_collection.json").write_text(text, encoding="utf-8")
    return folder


def run(kit, url, *options):
    done = subprocess.run(
        ["node", str(RUNNER), str(kit), url, *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, done.stderr


def main():
    results = []

    def check(name, good, detail=""):
        results.append(bool(good))
        print(f"{'ok  ' if good else 'FAIL'} {name}" + ("" if good else f": {detail}"))

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        kit = write_kit(scratch / "kit")

        server = Server(201)
        status, out, err = run(kit, server.url, "--json", str(scratch / "r.json"), "--junit", str(scratch / "r.xml"))
        check("a kit whose assertions hold ends with 0", status == 0, out + err)
        check("its assertions are counted", out.rstrip().endswith("2 passed, 0 failed"), out)
        seen = server.seen[0] if server.seen else (None, None, b"null")
        check("the base URL gets its slash", seen[0] == "/api/thing", seen)
        check("the headers of config.json are sent", seen[1] == "yes", seen)
        check("the payload of config.json is sent", json.loads(seen[2]) == PAYLOAD, seen)
        check("JSON is written when asked", "run" in json.loads((scratch / "r.json").read_text()))
        check("JUnit is written when asked", "<testsuites" in (scratch / "r.xml").read_text())
        server.shutdown()

        server = Server(200)
        status, out, err = run(kit, server.url)
        check("a failed assertion ends with 1", status == 1, out + err)
        check("it is counted and named", "1 passed, 1 failed" in out and "created" in out, out)
        server.shutdown()
        server.server_close()

        status, out, err = run(kit, server.url)
        check("a server that does not answer ends with 1", status == 1, out + err)

        status, out, err = run(write_kit(scratch / "empty", collection=False), "http://127.0.0.1:9/")
        check("a folder that is no kit ends with 2", status == 2 and "collection" in err, out + err)

    good = sum(results)
    print(f"kit-runner: {good} passed, {len(results) - good} failed")
    return 0 if good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
