"""Orders from their acceptance to their end: idempotency, the catalogue, changing, cancelling."""

import json
import uuid

from harness import Failed, Skipped, expect, poll
from swagger import UTC
from tmf641.context import PATIENCE_SECONDS, check, item, order_of, party


# ---- idempotency ----


def replay(t, headers=None, **members):
    """Places one order twice, the second time written otherwise, and again with other content."""
    headers = headers or {}
    body = order_of(item(), description="once", **members)
    first = t.client.post("/serviceOrder", body, **headers).must_be(201)
    expect("idempotency-replayed" not in first.headers, f"the first is called a replay: {first}")
    again = json.dumps(dict(reversed(body.items())), indent=3)
    second = t.client.post("/serviceOrder", again, **headers).must_be(201)
    expect(t.order(second)["id"] == t.order(first)["id"], f"a repeat made another order: {second}")
    expect(second.headers.get("location") == first.headers.get("location"), f"another Location: {second}")
    expect(second.headers.get("idempotency-replayed") == "true", f"no Idempotency-Replayed: true: {second}")
    t.refused(t.client.post("/serviceOrder", body | {"description": "twice"}, **headers), 409)
    return t.order(first)


@check(
    "idempotency: the same externalId with the same content is the same order, with other content 409", telvisor=True
)
def _(t):
    external = f"once-{t.run}"
    order = replay(t, externalId=external)
    found = t.listed(externalId=external)
    expect([entry["id"] for entry in found] == [order["id"]], f"found {len(found)}")


@check("idempotency: an Idempotency-Key does the same", telvisor=True)
def _(t):
    replay(t, headers={"Idempotency_Key": f"key-{t.run}"})


@check("idempotency: without a key, equal bodies are two orders", telvisor=True)
def _(t):
    expect(t.place(order_of(item()))["id"] != t.place(order_of(item()))["id"], "the same order twice")


@check("idempotency: a refused order does not use its key up", telvisor=True)
def _(t):
    external = f"refused-{t.run}"
    t.refused(t.client.post("/serviceOrder", order_of(item(action="destroy"), externalId=external)), 400)
    t.place(order_of(item(), externalId=external))


@check("400: an externalId of more than 255 characters or with control characters", telvisor=True)
def _(t):
    t.place(order_of(item(), externalId=f"{t.run:x<255}"))
    for bad in ("x" * 256, "a\nb", "a\u0000b"):
        t.refused(t.client.post("/serviceOrder", order_of(item(), externalId=bad)), 400, "externalId")


# ---- orders on the catalogue ----


def values_of(specification, name):
    for characteristic in specification.get("specCharacteristic", []):
        if characteristic.get("name") == name:
            return [value["value"] for value in characteristic.get("characteristicValueSpecification", [])]
    return []


@check("catalogue: TMF633 lists an application with plans and versions, and customer-account", telvisor=True)
def _(t):
    listed = t.catalogue.get("/serviceSpecification").must_be(200).json()
    by_id = {specification["id"]: specification for specification in listed}
    expect("customer-account" in by_id, f"no customer-account among {sorted(by_id)}")
    candidates = (
        [t.application] if t.application else [name for name in by_id if len(values_of(by_id[name], "plan")) > 1]
    )
    expect(candidates and candidates[0] in by_id, f"no application with two plans among {sorted(by_id)}")
    t.application = candidates[0]
    t.plans = values_of(by_id[t.application], "plan")
    versions = values_of(by_id[t.application], "version")
    expect(versions, f"{t.application} lists no version")
    t.version = versions[-1]


def provision(t, plan=None, version=None, number="1", **more):
    characteristics = {"plan": plan or t.needs("plans")[0]} | ({"version": version} if version else {})
    return item(number=number, specification=t.needs("application"), characteristics=characteristics, **more)


@check("400: an unknown customer, named by its path", telvisor=True)
def _(t):
    t.refused(t.client.post("/serviceOrder", order_of(provision(t), customer=f"nobody-{t.run}")), 400, "relatedParty")


@check("an order for a later date stays acknowledged", telvisor=True)
def _(t):
    account = item(specification="customer-account", characteristics={"name": "Later"})
    body = order_of(account, customer=f"later-{t.run}", requestedStartDate="2099-01-01T00:00:00Z", description="later")
    t.future = t.place(body)
    expect(t.future["state"] == "acknowledged", f"state is {t.future['state']}")
    expect(
        t.future.get("requestedStartDate") == "2099-01-01T00:00:00Z", f"date is {t.future.get('requestedStartDate')}"
    )


@check("a customer and its first application in one order complete", telvisor=True)
def _(t):
    account = item(specification="customer-account", characteristics={"name": "Conformance check"})
    order = t.place(order_of(account, provision(t, version=t.version, number="2"), customer=t.customer))
    first, second = (entry["service"] for entry in order["serviceOrderItem"])
    expect(first.get("id") == t.customer, f"the customer's service id is {first.get('id')!r}")
    try:
        uuid.UUID(second.get("id", ""))
    except ValueError:
        raise Failed(f"no UUID for the subscription in the 201: {second}") from None
    done = t.ends(order["id"], "completed")
    states = [entry["state"] for entry in done["serviceOrderItem"]]
    expect(states == ["completed", "completed"], f"items are {states}")
    expect(UTC.fullmatch(done.get("completionDate", "")), f"completionDate is {done.get('completionDate')!r}")
    expect(done["serviceOrderItem"][1]["service"]["id"] == second["id"], "the subscription's id changed")
    t.subscription = second["id"]


@check("400: an unknown specification, named by its path", telvisor=True)
def _(t):
    t.needs("subscription")
    body = order_of(item(specification=f"no-such-{t.run}"), customer=t.customer)
    t.refused(t.client.post("/serviceOrder", body), 400, "serviceOrderItem", 0, "service", "serviceSpecification")


@check("400: an unknown plan or version, named by its path", telvisor=True)
def _(t):
    t.needs("subscription")
    for wrong in ({"plan": "no-such-plan"}, {"version": "0.0.0-none"}):
        body = order_of(provision(t, **wrong), customer=t.customer)
        t.refused(t.client.post("/serviceOrder", body), 400, "serviceOrderItem", 0, "service", "serviceCharacteristic")


@check("400: two customers in one order; a quantity other than 1", telvisor=True)
def _(t):
    both = order_of(provision(t)) | {"relatedParty": [party(t.customer), party(f"other-{t.run}")]}
    t.refused(t.client.post("/serviceOrder", both), 400, "relatedParty")
    many = order_of(provision(t) | {"quantity": 2}, customer=t.customer)
    t.refused(t.client.post("/serviceOrder", many), 400, "serviceOrderItem", 0, "quantity")


@check("409: the same customer again; a second live subscription of one application", telvisor=True)
def _(t):
    t.needs("subscription")
    account = item(specification="customer-account", characteristics={"name": "Again"})
    t.refused(t.client.post("/serviceOrder", order_of(account, customer=t.customer)), 409)
    t.refused(t.client.post("/serviceOrder", order_of(provision(t), customer=t.customer)), 409)


@check("400: modify and delete of an unknown service", telvisor=True)
def _(t):
    for action in ("modify", "delete"):
        body = order_of(item(action=action, id=str(uuid.uuid4()), state="inactive"), customer=t.needs("customer"))
        t.refused(t.client.post("/serviceOrder", body), 400, "serviceOrderItem", 0, "service", "id")


@check("400: an item that changes plan and state together", telvisor=True)
def _(t):
    change = item("modify", id=t.needs("subscription"), state="inactive", characteristics={"plan": t.plans[-1]})
    t.refused(t.client.post("/serviceOrder", order_of(change, customer=t.customer)), 400, "serviceOrderItem", 0)


@check("upgrade, suspend and re-activate of the subscription complete", telvisor=True)
def _(t):
    target = {"id": t.needs("subscription")}
    for change in ({"characteristics": {"plan": t.plans[-1]}}, {"state": "inactive"}, {"state": "active"}):
        order = t.place(order_of(item("modify", **target, **change), customer=t.customer))
        t.ends(order["id"], "completed")


# ---- PATCH ----


def patient(t):
    """An order that nothing moves meanwhile."""
    return t.read((t.needs("stock") if t.any_implementation else t.needs("future"))["id"])


def change(t, order, body, **headers):
    return t.client.patch(f"/serviceOrder/{order['id']}", body, **headers)


@check("PATCH: a new description is kept, the rest stays")
def _(t):
    before = patient(t)
    after = t.order(change(t, before, {"description": "changed"}).must_be(200))
    expect(after["description"] == "changed", f"description is {after['description']!r}")
    expect(t.read(before["id"])["description"] == "changed", "a later read does not show it")
    for name in ("id", "href", "orderDate", "state"):
        expect(after[name] == before[name], f"{name} changed to {after[name]!r}")


@check("PATCH: its own state is accepted, another is 409 and names the cancel resource", telvisor=True)
def _(t):
    order = patient(t)
    t.order(change(t, order, {"state": order["state"]}).must_be(200))
    for state in ("cancelled", "inProgress"):
        body = t.refused(change(t, order, {"state": state}), 409)
        expect("cancelServiceOrder" in json.dumps(body), f"does not name the cancel resource: {body}")
    expect(t.read(order["id"])["state"] == order["state"], "the state changed all the same")


@check("PATCH: members that cannot be changed are 400, unless equal to what is there", telvisor=True)
def _(t):
    order = patient(t)
    t.order(change(t, order, {"id": order["id"], "orderDate": order["orderDate"], "href": order["href"]}).must_be(200))
    moment = "2001-01-01T00:00:00Z"
    for name, value in (("id", "other"), ("orderDate", moment), ("category", "other"), ("startDate", moment)):
        t.refused(change(t, order, {name: value}), 400, name)


@check("PATCH: wrong types and malformed JSON are 400, another media type 415, an unknown id 404")
def _(t):
    order = patient(t)
    t.refused(change(t, order, {"description": 5}), 400, "description")
    for body in ("", "{", "[]", "null"):
        t.refused(change(t, order, body), 400)
    t.refused(change(t, order, "{}", Content_Type="text/plain"), 415)
    t.refused(t.client.patch(f"/serviceOrder/{uuid.uuid4()}", {"description": "x"}), 404)


# ---- cancelServiceOrder ----


def cancel(t, order_id):
    answer = t.client.post(
        "/cancelServiceOrder", {"serviceOrder": {"id": order_id}, "cancellationReason": "changed mind"}
    )
    answer.must_be(201)
    task = answer.json()
    t.valid("CancelServiceOrder", task, str(answer))
    for name in ("id", "href", "state", "serviceOrder"):
        expect(name in task, f"lacks {name}: {answer}")
    expect(task["serviceOrder"].get("id") == order_id, f"for another order: {answer}")
    expect(task.get("cancellationReason") == "changed mind", f"the reason is not kept: {answer}")
    expect(answer.headers.get("location") == task["href"], f"Location {answer.headers.get('location')}: {answer}")
    return task


@check("cancel: an order that has not begun is cancelled", telvisor=True)
def _(t):
    order = t.needs("future")
    task = cancel(t, order["id"])

    def look():
        answer = t.client.get(f"/cancelServiceOrder/{task['id']}").must_be(200)
        seen = answer.json()
        t.valid("CancelServiceOrder", seen, str(answer))
        return seen if seen["state"] in ("done", "terminatedWithError") else None

    expect(poll(look, PATIENCE_SECONDS, "the end of the cancel task")["state"] == "done", "it ended with an error")
    t.ends(order["id"], "cancelled")
    listed = t.client.get("/cancelServiceOrder").must_be(200)
    expect(task["id"] in [entry["id"] for entry in listed.json()], "the task is not in the list")
    expect(listed.count("X-Total-Count") >= 1, "X-Total-Count is 0")


@check("cancel: an order in a final state keeps it", telvisor=True)
def _(t):
    order = t.needs("stock")
    answer = t.client.post("/cancelServiceOrder", {"serviceOrder": {"id": order["id"]}}).must_be(201, 409)
    if answer.status == 409:
        t.refused(answer, 409)
    else:
        place = f"/cancelServiceOrder/{answer.json()['id']}"
        poll(
            lambda: t.client.get(place).must_be(200).json()["state"] == "terminatedWithError",
            PATIENCE_SECONDS,
            "the cancel task ending with an error",
        )
    expect(t.read(order["id"])["state"] == "rejected", "the order's state changed")


@check("cancel: without an order 400, of an unknown one 400, an unknown task 404")
def _(t):
    t.refused(t.client.post("/cancelServiceOrder", {}), 400, "serviceOrder")
    t.refused(t.client.post("/cancelServiceOrder", {"serviceOrder": {}}), 400, "serviceOrder")
    # The official file declares no 404 for this POST.
    t.refused(t.client.post("/cancelServiceOrder", {"serviceOrder": {"id": str(uuid.uuid4())}}), 400, "serviceOrder")
    t.refused(t.client.get(f"/cancelServiceOrder/{uuid.uuid4()}"), 404)


# ---- the open server, and the end ----


@check("403: an open server refuses what a foreign web page could send", telvisor=True)
def _(t):
    name = t.client.parts.hostname
    if name != "localhost" and not name.startswith("127."):
        raise Skipped("not on loopback")
    for header in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        t.refused(t.client.request("GET", "/serviceOrder", headers=header), 403)
        t.refused(t.client.request("POST", "/serviceOrder", order_of(item()), header), 403)


@check("terminating the subscription and the customer completes", telvisor=True)
def _(t):
    for service in (t.needs("subscription"), t.customer):
        order = t.place(order_of(item("delete", id=service), customer=t.customer))
        t.ends(order["id"], "completed")
