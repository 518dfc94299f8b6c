"""What every black-box check of this folder needs: a small HTTP client, a way to say what failed, and the reports.

Only the standard library, so that the checks run wherever Python 3.11 does.
"""

import dataclasses
import http.client
import json
import re
import time
import traceback
import urllib.parse
import xml.sax.saxutils

TIMEOUT_SECONDS = 30


class Failed(AssertionError):
    """One expectation did not hold; the message says which, with what was seen."""


class Skipped(Exception):
    """The check does not apply to this server."""


def expect(condition, message):
    if not condition:
        raise Failed(message)


@dataclasses.dataclass
class Answer:
    """One HTTP answer; header names are lower case."""

    method: str
    target: str
    status: int
    headers: dict
    body: bytes

    def __str__(self):
        return f"{self.method} {self.target} -> {self.status} {self.body[:300].decode(errors='replace')}"

    def json(self):
        expect(
            self.headers.get("content-type", "").split(";")[0].strip().endswith("json"),
            f"content type is not JSON but {self.headers.get('content-type')!r}: {self}",
        )
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Failed(f"body is not JSON ({error}): {self}") from None

    def must_be(self, *statuses):
        expect(self.status in statuses, f"expected {' or '.join(map(str, statuses))}: {self}")
        return self

    def count(self, header):
        value = self.headers.get(header.lower(), "")
        expect(value.isdigit(), f"header {header} is {value!r}, not a number: {self.method} {self.target}")
        return int(value)


class Client:
    """Requests below one base URL, each on a connection of its own."""

    def __init__(self, base):
        self.base = base.rstrip("/")
        self.parts = urllib.parse.urlsplit(self.base)
        expect(self.parts.scheme in ("http", "https") and self.parts.hostname, f"not a base URL: {base}")

    def request(self, method, path, body=None, headers=None):
        """`path` is put behind the base URL as it is; a `body` that is not bytes or str is sent as JSON."""
        headers = {"Accept": "application/json"} | (headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        kind = http.client.HTTPSConnection if self.parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self.parts.hostname, self.parts.port, timeout=TIMEOUT_SECONDS)
        target = self.parts.path + path
        try:
            try:
                connection.request(method, target, body=body, headers=headers)
            except (BrokenPipeError, ConnectionResetError):
                pass  # A server may answer, and close, before it has read everything.
            response = connection.getresponse()
            lower = {name.lower(): value for name, value in response.getheaders()}
            return Answer(method, target, response.status, lower, response.read())
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{method} {target}: no answer ({error!r})") from None
        finally:
            connection.close()

    def get(self, path, **query):
        return self.request("GET", path + query_string(query))

    def post(self, path, body, **headers):
        return self.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def patch(self, path, body, **headers):
        return self.request("PATCH", path, body, {name.replace("_", "-"): value for name, value in headers.items()})


def query_string(query):
    return "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote) if query else ""


def poll(look, seconds, what):
    """Calls `look` until it gives something true, and returns that; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        expect(time.monotonic() < deadline, f"not within {seconds} s: {what}")
        time.sleep(0.1)


def names(text, *path):
    """Whether a message names a member by its path, be it written a[0].b, /a/0/b or a.0.b.

    A missing member may also be named where it is missing: a[0] lacks b.
    """

    def within(*segments):
        pattern = r"\W+".join(re.escape(str(segment)) for segment in segments)
        return re.search(rf"(?<!\w){pattern}(?!\w)", text) is not None

    return within(*path) or (within(*path[:-1]) and within(path[-1]))


class Suite:
    """Checks in the order of their definition; a later one may use what an earlier one left in the context."""

    def __init__(self, name):
        self.name = name
        self.checks = []

    def check(self, title, **marks):
        def add(function):
            self.checks.append((title, function, marks))
            return function

        return add

    def run(self, context, skip_reason=lambda marks: None, junit=None):
        """Runs everything, prints one line per check and the closing line; returns the exit status."""
        results = []
        for title, function, marks in self.checks:
            began = time.monotonic()
            outcome, message = "ok", ""
            try:
                reason = skip_reason(marks)
                if reason:
                    raise Skipped(reason)
                function(context)
            except Skipped as skipped:
                outcome, message = "skip", str(skipped)
            except Failed as failure:
                outcome, message = "FAIL", str(failure)
            except Exception as error:  # noqa: BLE001 (a wrongly shaped answer, which a check took for granted)
                where = traceback.extract_tb(error.__traceback__)[-1]
                outcome, message = "FAIL", f"{error!r} at {where.name}:{where.lineno}"
            results.append((title, outcome, message, time.monotonic() - began))
            print(f"{outcome:<4} {title}" + (f": {message}" if message else ""), flush=True)
        counts = {outcome: sum(1 for result in results if result[1] == outcome) for outcome in ("ok", "FAIL", "skip")}
        if junit:
            with open(junit, "w", encoding="utf-8") as file:
                file.write(self.junit(results, counts))
        if counts["skip"]:
            print(f"skipped: {counts['skip']}")
        print(f"{self.name}: {counts['ok']} passed, {counts['FAIL']} failed")
        return 0 if counts["ok"] and not counts["FAIL"] else 1

    def junit(self, results, counts):
        quote = xml.sax.saxutils.quoteattr
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuite name={quote(self.name)} tests="{len(results)}" failures="{counts["FAIL"]}" '
            f'skipped="{counts["skip"]}">',
        ]
        for title, outcome, message, seconds in results:
            # XML 1.0 knows no control characters.
            message = re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd]", "?", message)
            inner = {"FAIL": f"<failure message={quote(message)}/>", "skip": f"<skipped message={quote(message)}/>"}
            lines.append(
                f"  <testcase classname={quote(self.name)} name={quote(title)} "
                f'time="{seconds:.3f}">{inner.get(outcome, "")}</testcase>'
            )
        return "\n".join([*lines, "</testsuite>", ""])
