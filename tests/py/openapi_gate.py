"""Holds a running server against its own OpenAPI documents: schemathesis plays every operation with generated and
example requests, one after another and along the links.

    openapi_gate.py --url http://127.0.0.1:8080 [--examples N] [--seed N] [--strict] DOCUMENT ...

A document fails when an answer is a server error or violates the document. With --strict it also fails when fewer than
a fifth of the generated POSTs are accepted, or when a link of the document was never followed; the figures are printed
always. Prints "openapi: N passed, N failed".

What a schema cannot know, because it depends on what the server holds, the gate adds to the document that it plays
(`narrowed`): ids that exist, plans of the demo catalogue, an address for events, besides what the schema says itself.

Checks that are switched off (conformance/README.md):
  positive_data_acceptance  a schema cannot say which customers, applications and orders there are
  negative_data_rejection   members outside a Create schema are ignored by contract, and null is taken as absent
  use_after_free (TMF629)   DELETE of a customer orders its end; the entry stays readable by contract
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

ORDERS = "/tmf-api/serviceOrdering/v4/serviceOrder"
HUB = "/tmf-api/serviceOrdering/v4/hub"
LEAST_ACCEPTED = 0.2
# Further walks along the links, at most.
WALKS = 3
LATER, MUCH_LATER = "2099-01-01T00:00:00Z", "2099-12-31T00:00:00Z"
PLANS = ["solo", "team"]
# Nobody listens there, and no event is for who asks so.
LISTENER = "http://127.0.0.1:9/"
NO_EVENT = "id=none"
# What paths that begin so are about.
OUTSIDE = {
    "/orders/{id}/": "order", "/listeners/{id}": "listener", "/subscriptions/{id}": "subscription",
    "/backups/{id}": "backup",
}
OFF = ["positive_data_acceptance", "negative_data_rejection"]
OFF_IN = {"TMF629": ["use_after_free"]}


def call(url, body=None):
    request = urllib.request.Request(url, headers={"Content-Type": "application/json"})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=60) as answer:
        return json.load(answer)


def until(look):
    """What `look` gives when it gives something, within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise TimeoutError("the server does not come to it")


def seed(server):
    """What requests can name: a customer with an application of the demo catalogue, backed up; an order that waits for
    its date; a listener."""
    characteristic = lambda name, value: {"name": name, "value": value}
    account = {"id": "1", "action": "add", "service": {
        "serviceSpecification": {"id": "customer-account"},
        "serviceCharacteristic": [characteristic("name", "Ada Lovelace")]}}
    application = {"id": "2", "action": "add", "service": {
        "serviceSpecification": {"id": "kinfolk"},
        "serviceCharacteristic": [characteristic("plan", "team")]}}
    order = call(server + ORDERS, {"serviceOrderItem": [account, application]})
    until(lambda: call(f"{server}{ORDERS}/{order['id']}")["state"] == "completed")
    subscription = order["serviceOrderItem"][1]["service"]["id"]
    backups = f"{server}/api/v1/subscriptions/{subscription}/backups"
    call(backups, {})
    backup = until(lambda: [b["id"] for b in call(backups) if b["state"] == "available"])[0]
    later = call(server + ORDERS, {"requestedStartDate": LATER, "serviceOrderItem": [account]})
    listener = call(server + HUB, {"callback": LISTENER + "seeded", "query": NO_EVENT})
    told = {"alarmRaisedTime": "2026-01-01T00:00:00Z", "alarmType": "processingErrorAlarm", "state": "raised",
            "alarmedObject": {"id": "gate"}, "perceivedSeverity": "minor", "probableCause": "thresholdCrossed",
            "sourceSystemId": "gate"}
    alarms = [call(f"{server}/tmf-api/alarm/v4/alarm", told)["id"] for _ in range(2)]
    return {
        "alarms": alarms, "customer": order["serviceOrderItem"][0]["service"]["id"],
        "subscription": subscription, "backup": backup, "order": later["id"], "listener": listener["id"],
    }


def narrowed(document, seeded):
    """The document for a server with these things: about half of what is generated for a member whose values no schema
    can know, because they depend on what the catalogue and the inventory hold, names what is there."""
    schemas = document["components"]["schemas"]

    def some(schema, **members):
        """Entries of this schema with these members."""
        own = schemas[schema]
        members = {name.replace("_", "@"): value for name, value in members.items()}
        required = sorted(set(own.get("required", [])) | set(members))
        kept = {n: v for n, v in own["properties"].items() if not n.endswith("Relationship")}
        return {**own, "properties": {**kept, **members}, "required": required}

    def one_of(*values):
        return {"enum": list(values)}

    def reference(name, kind):
        return {"id": name, "@type": f"{kind}Ref"}

    def characteristic(name, value):
        return {"name": name, "value": value, "@type": "StringCharacteristic"}

    name = one_of([characteristic("name", "Ada Lovelace")])
    plans = one_of(*([characteristic("plan", plan)] for plan in PLANS))
    subscription = one_of(seeded["subscription"])

    def orders(kind, thing, specified):
        order, item = schemas.get(f"{kind}Order_Create"), f"{kind.lower()}OrderItem"
        if order is None:
            return
        characteristics = f"{thing}Characteristic"
        added = some(f"{kind}ToAdd", **{characteristics: name}, **specified.get("thing", {}))
        added["properties"].pop("relatedParty", None)
        changed = some(f"{kind}ToModify", id=subscription, **{characteristics: plans})
        changed["properties"].pop("state", None)
        changed["properties"].pop("status", None)
        add = some(f"{kind}OrderItemAdd", **{thing: added}, **specified.get("item", {}))
        modify = some(f"{kind}OrderItemModify", **{thing: changed})
        modify["properties"].pop("productOffering", None)
        alone = lambda item: {"type": "array", "minItems": 1, "maxItems": 1, "items": item}
        order["properties"][item] = {"anyOf": [alone(add), alone(modify), order["properties"][item]]}
        # It is a key as below.
        order["properties"].pop("externalId", None)
        start = order["properties"]["requestedStartDate"]
        order["properties"]["requestedStartDate"] = {"anyOf": [one_of(LATER), one_of(MUCH_LATER), start]}
        order["required"] = [*order.get("required", []), "requestedStartDate"]

    orders("Service", "service", {"thing": {
        "serviceSpecification": one_of(reference("customer-account", "ServiceSpecification"))}})
    orders("Product", "product", {"item": {
        "productOffering": one_of(reference("customer-account", "ProductOffering"))}})
    for name in ("GroupAlarms_Create", "UnGroupAlarms_Create"):
        if name in schemas:
            cause, other = ({"id": alarm} for alarm in seeded["alarms"])
            known = some(name, parentAlarm=one_of(cause), correlatedAlarm=one_of([other]))
            schemas[name] = {"anyOf": [known, schemas[name]]}
    if "EventSubscriptionInput" in schemas:
        address = {"type": "string", "pattern": f"^{re.escape(LISTENER)}[a-z]{{8}}$"}
        listener = some("EventSubscriptionInput", callback=address, query=one_of(NO_EVENT))
        schemas["EventSubscriptionInput"] = {"anyOf": [listener, schemas["EventSubscriptionInput"]]}
    # What is generated under one key differs each time, and no generated tag is that of a resource: both are refused,
    # as they must be.
    for operation in (o for path in document["paths"].values() for o in path.values()):
        given = operation.get("parameters", [])
        operation["parameters"] = [p for p in given if p.get("name") not in ("Idempotency-Key", "If-Match")]
    return document


def configuration(document, seeded):
    """Links as the documents say them, none that are guessed; ids that exist where a path needs one from outside."""
    paths = document["paths"]
    answers = [a for p in paths.values() for o in p.values() for a in o["responses"].values()]
    links = sum(len(answer.get("links", {})) for answer in answers)
    text = f"""
[generation]
allow-x00 = false
[phases.stateful]
max-steps = 8
[phases.stateful.generation]
max-examples = {80 + 30 * links}
[phases.stateful.inference]
algorithms = []
"""
    for prefix, what in OUTSIDE.items():
        for path in (p for p in paths if p.startswith(prefix)):
            text += f'''
[[operations]]
include-path = "{path}"
parameters = {{ "path.id" = "{seeded[what]}" }}
'''
    return text


def play(command, folder, seed, phases):
    """What one run of schemathesis reports, what it prints, and how many of how many links it followed."""
    report = folder / f"report-{seed}.json"
    command = [*command, "--seed", str(seed), "--phases", phases, "--report-json-path", str(report)]
    env = dict(os.environ, COLUMNS="200")
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, check=False)
    if not report.exists() or done.returncode not in (0, 1):
        raise RuntimeError(f"schemathesis ended with status {done.returncode}:\n{done.stdout}\n{done.stderr}")
    links = re.search(r"API Links:\s+(\d+) covered / (\d+) selected", done.stdout)
    return json.loads(report.read_text()), done.stdout, (int(links[1]), int(links[2])) if links else (0, 0)


def run(server, name, seeded, arguments, folder):
    document = call(f"{server}/docs/openapi/{name}.json")
    config, file = folder / "schemathesis.toml", folder / f"{name}.json"
    config.write_text(configuration(document, seeded))
    file.write_text(json.dumps(narrowed(document, seeded)))
    off = ",".join([*OFF, *OFF_IN.get(name.split("-")[0], [])])
    command = [
        str(pathlib.Path(sys.executable).parent / "st"), "--config-file", str(config), "run", str(file),
        "--url", server + document["servers"][0]["url"], "--mode", "positive",
        "--max-examples", str(arguments.examples), "--exclude-checks", off,
        "--report", "json", "--no-color", "--continue-on-failure", "--suppress-health-check", "all",
    ]
    told, output, links = play(command, folder, arguments.seed, "examples,coverage,fuzzing,stateful")
    reports = [told]
    # Chance decides what a walk along the links meets: another walk, where this one left a link out.
    while arguments.strict and links[0] != links[1] and len(reports) <= WALKS:
        told, walked, links = play(command, folder, arguments.seed + len(reports), "stateful")
        reports.append(told)
        output += walked
    wrong = [f"{f['title']} ({f['count']}): {', '.join(f['operations'])}" for r in reports for f in r["failures"]]
    wrong += [f"error: {e}" for r in reports for e in r["errors"]]
    accepted = total = 0
    for operation, phases in reports[0]["valid_rates"].items():
        if operation.startswith("POST "):
            for phase in ("examples", "fuzzing", "stateful"):
                counts = phases.get(phase, {})
                accepted += counts.get("accepted", 0)
                total += sum(counts.values())
    if arguments.strict and total and accepted < total * LEAST_ACCEPTED:
        wrong.append(f"only {accepted} of {total} POSTs were accepted")
    if arguments.strict and links[0] != links[1]:
        wrong.append(f"only {links[0]} of {links[1]} links were followed in one walk")
    generated = sum(r["test_cases"]["generated"] for r in reports)
    figures = f"{generated} requests, {accepted} of {total} POSTs accepted, {links[0]} of {links[1]} links"
    return wrong, figures, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--examples", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("documents", nargs="+")
    arguments = parser.parse_args()
    server = arguments.url.rstrip("/")
    seeded = seed(server)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.documents:
            wrong, figures, output = run(server, name, seeded, arguments, pathlib.Path(folder))
            print(f"{'FAILED' if wrong else 'ok'}  {name}: {figures}", flush=True)
            if wrong:
                failed += 1
                print("\n".join(f"    {w}" for w in wrong))
                print(output)
            else:
                passed += 1
    print(f"openapi: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
