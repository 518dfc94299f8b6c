#!/usr/bin/env python3
"""Black-box checks of a TMF641 v4 service ordering API, stricter than the official kits.

    tmf641_v4.py --url http://127.0.0.1:8080/tmf-api/serviceOrdering/v4 [--junit FILE]

Contains every request and assertion known of the official kits, in our own words, so that a regression shows without
them, and what Telvisor promises beyond: headers, errors that name the wrong member, idempotency, paging, cancelling.
Every order in an answer is held against the official Swagger file.

Another implementation: --any-implementation leaves out what only Telvisor promises. The orders made here carry a
category of their own, so the checks run on a server that is in use, too (they create and terminate one customer).
Exit status 1 if a check failed. Prints "tmf641_v4: N passed, N failed".
"""

import argparse
import json
import pathlib
import re
import sys
import uuid

from harness import Client, Failed, Skipped, Suite, expect, names, poll
from swagger import UTC, Swagger

SPEC = "TMF641/TMF641-ServiceOrdering-v4.1.0.swagger.json"
MANDATORY = ("id", "href", "state", "orderDate", "serviceOrderItem")
FINAL = {"rejected", "cancelled", "completed", "failed", "partial"}
PATIENCE_SECONDS = 90

suite = Suite("tmf641_v4")
check = suite.check


class Context:
    """The server under test, and what earlier checks leave for later ones."""

    def __init__(self, options, spec):
        self.client = Client(options.url)
        self.spec = spec
        self.any_implementation = options.any_implementation
        catalogue = options.catalogue or options.url.rstrip("/").replace("serviceOrdering", "serviceCatalogManagement")
        self.catalogue = Client(catalogue)
        self.application = options.application
        self.run = uuid.uuid4().hex[:10]  # makes ids and categories of this run unlike those of any other
        self.stock = self.first = self.second = None  # orders as their POST answered them
        self.plans, self.version = [], None
        self.customer = f"conf-{self.run}"
        self.future = self.subscription = None

    def order(self, answer):
        """The order in an answer, held against the official file and the mandatory members."""
        body = answer.json()
        expect(isinstance(body, dict), f"not an object: {answer}")
        self.complete(body, str(answer))
        return body

    def complete(self, order, where):
        for name in MANDATORY:
            expect(name in order, f"order lacks {name}: {where}")
        expect(order["id"] and order["href"] and order["state"], f"empty id, href or state: {where}")
        for item in order["serviceOrderItem"]:
            expect(isinstance(item.get("state"), str), f"item without a state: {where}")
        self.valid("ServiceOrder", order, where)

    def valid(self, name, value, where):
        faults = self.spec.faults(name, value)
        expect(not faults, f"against the official file: {'; '.join(faults[:5])}: {where}")

    def place(self, body, **headers):
        return self.order(self.client.post("/serviceOrder", body, **headers).must_be(201))

    def read(self, order_id):
        return self.order(self.client.get(f"/serviceOrder/{order_id}").must_be(200))

    def listed(self, **query):
        """A list as an official kit wants it: 200 (never 206), and with what the headers say."""
        answer = self.client.get("/serviceOrder", **query).must_be(200)
        orders = answer.json()
        expect(isinstance(orders, list), f"not an array: {answer}")
        expect(answer.count("X-Result-Count") == len(orders), f"X-Result-Count is not {len(orders)}: {answer.target}")
        expect(answer.count("X-Total-Count") >= len(orders), f"X-Total-Count is below {len(orders)}: {answer.target}")
        return orders

    def refused(self, answer, status, *path):
        """An error with the TM Forum's body, whose text names the wrong member if a path is given."""
        answer.must_be(status)
        body = answer.json()
        self.valid("Error", body, str(answer))
        expect(body["code"] and body["reason"], f"empty code or reason: {answer}")
        if not self.any_implementation:
            expect(body.get("status") == str(status), f"status in the body is not {status!r}: {answer}")
            expect(body.get("message"), f"no message: {answer}")
            text = " ".join(str(value) for value in body.values())
            expect(not path or names(text, *path), f"does not name {'.'.join(map(str, path))}: {answer}")
        return body

    def ends(self, order_id, *states):
        """Waits for a final state, which must be one of `states`."""

        def look():
            order = self.read(order_id)
            return order if order["state"] in FINAL else None

        order = poll(look, PATIENCE_SECONDS, f"a final state of order {order_id}")
        detail = json.dumps(order.get("errorMessage", order["serviceOrderItem"]))[:300]
        expect(order["state"] in states, f"order ended {order['state']}, not {' or '.join(states)}: {detail}")
        return order

    def needs(self, name):
        value = getattr(self, name)
        expect(value, f"cannot be checked: an earlier check did not leave {name}")
        return value


def item(action="add", number="1", specification=None, characteristics=None, **service):
    if specification:
        service["serviceSpecification"] = {"id": specification}
    if characteristics:
        service["serviceCharacteristic"] = [{"name": name, "value": value} for name, value in characteristics.items()]
    return {"id": number, "action": action, "service": service}


def order_of(*items, customer=None, **members):
    body = dict(members, serviceOrderItem=list(items))
    if customer:
        body["relatedParty"] = [party(customer)]
    return body


def party(customer):
    """Without @type and @referredType, which are optional in a request; an answer must have both."""
    return {"id": customer, "role": "customer"}


# ---- what the official v4 kit asks ----


@check("kit: POST of the stock body is answered 201 with every mandatory member")
def _(t):
    t.stock = t.place(order_of(item()))
    sent = t.stock["serviceOrderItem"]
    expect(len(sent) == 1 and sent[0]["id"] == "1" and sent[0]["action"] == "add", f"the item is not kept: {sent}")


@check("kit: the list is 200 and every element complete")
def _(t):
    orders = t.listed()
    expect(orders, "the list is empty after a POST")
    for order in orders:
        t.complete(order, json.dumps(order)[:300])


@check("kit: an order is found by its id")
def _(t):
    stock = t.needs("stock")
    order = t.read(stock["id"])
    for name in ("id", "href", "orderDate"):
        expect(order[name] == stock[name], f"{name} was {stock[name]}, is {order[name]}")


for attribute in ("href", "id", "orderDate"):

    @check(f"kit: ?fields={attribute} gives that with id and href, and nothing else")
    def _(t, attribute=attribute):
        orders = t.listed(fields=attribute)
        expect(orders, "the list is empty")
        for order in orders:
            keys = {key for key in order if not key.startswith("@")}
            right = attribute in keys if t.any_implementation else keys == {"id", "href", attribute}
            expect(right, f"members are {sorted(order)}")


@check("kit: ?id= finds exactly that order")
def _(t):
    stock = t.needs("stock")
    found = t.listed(id=stock["id"])
    expect([order["id"] for order in found] == [stock["id"]], f"found {[order['id'] for order in found]}")
    t.complete(found[0], "?id=")


# The v4 kit writes the value in double quotes.
for quote, how in (('"', "in double quotes"), ("", "without quotes")):

    @check(f"kit: ?orderDate= with the exact text, {how}, finds the order")
    def _(t, quote=quote):
        stock = t.needs("stock")
        found = t.listed(orderDate=f"{quote}{stock['orderDate']}{quote}")
        expect(stock["id"] in [order["id"] for order in found], f"not among the {len(found)} found")
        for order in found:
            t.complete(order, "?orderDate=")
            expect(order["orderDate"] == stock["orderDate"], f"also found one of {order['orderDate']}")


@check("kit: an unencoded orderDate in the query finds the order")
def _(t):
    stock = t.needs("stock")
    answer = t.client.request("GET", f"/serviceOrder?orderDate={stock['orderDate']}").must_be(200)
    expect(stock["id"] in [order["id"] for order in answer.json()], f"not found: {answer}")


@check("kit: an unknown id is 404 with an error body")
def _(t):
    for unknown in (str(uuid.uuid4()), "123123123123"):
        t.refused(t.client.get(f"/serviceOrder/{unknown}"), 404)


# ---- what the older kit (R18.5) asks beyond ----


def labelled(t, priority):
    return order_of(
        item(),
        externalId=f"ext-{priority}-{t.run}",
        priority=priority,
        category=f"category-{t.run}",
        description=f"order of priority {priority}",
    )


@check("R18.5: two orders with externalId, priority, category and description keep them")
def _(t):
    for priority in ("1", "2"):
        sent = labelled(t, priority)
        order = t.place(sent)
        for name in ("externalId", "priority", "category", "description"):
            expect(order.get(name) == sent[name], f"{name} is {order.get(name)!r}, not {sent[name]!r}")
        if priority == "1":
            t.first = order
        else:
            t.second = order


@check("R18.5: states of order and item are of the official enumeration")
def _(t):
    order = t.read(t.needs("first")["id"])
    allowed = t.spec.enumeration("ServiceOrderStateType")
    expect(order["state"] in allowed, f"state is {order['state']!r}")
    for entry in order["serviceOrderItem"]:
        expect(all(isinstance(entry.get(name), str) for name in ("id", "action", "state")), f"item is {entry}")


def found_ids(t, **query):
    orders = t.listed(**query)
    for order in orders:
        t.complete(order, str(query))
    return [order["id"] for order in orders]


@check("R18.5: ?category= finds exactly the two")
def _(t):
    wanted = {t.needs("first")["id"], t.needs("second")["id"]}
    found = found_ids(t, category=f"category-{t.run}")
    expect(len(found) == 2 and set(found) == wanted, f"found {found}")


@check('R18.5: ?priority="1"&category= finds exactly the first')
def _(t):
    found = found_ids(t, priority='"1"', category=f"category-{t.run}")
    expect(found == [t.needs("first")["id"]], f"found {found}")


@check("R18.5: ?externalId= finds exactly the second")
def _(t):
    second = t.needs("second")
    found = t.listed(externalId=second["externalId"])
    expect([order["id"] for order in found] == [second["id"]], f"found {[order['id'] for order in found]}")
    for name in ("href", "orderDate", "category", "priority", "externalId"):
        expect(found[0].get(name) == second[name], f"{name} is {found[0].get(name)!r}")


@check("R18.5: /{id}?fields= gives the chosen members and nothing else")
def _(t):
    second = t.needs("second")
    order = t.client.get(f"/serviceOrder/{second['id']}", fields="id,href,state,serviceOrderItem").must_be(200).json()
    keys = {key for key in order if not key.startswith("@")}
    expect(keys == {"id", "href", "state", "serviceOrderItem"}, f"members are {sorted(order)}")
    expect(order["id"] == second["id"] and order["href"] == second["href"], f"another order: {order}")


@check("R18.5: /{id}?fields= with members of items gives the items with them")
def _(t):
    first = t.needs("first")
    fields = "id,state,serviceOrderItem.id,serviceOrderItem.state,serviceOrderItem.action"
    order = t.client.get(f"/serviceOrder/{first['id']}", fields=fields).must_be(200).json()
    expect(order["id"] == first["id"] and isinstance(order.get("state"), str), f"members are {order}")
    for entry in order["serviceOrderItem"]:
        expect({"id", "state", "action"} <= set(entry), f"item is {entry}")
    expect(order["serviceOrderItem"], "no items")


@check("R18.5: ?externalId=&fields= combine")
def _(t):
    first = t.needs("first")
    found = t.listed(externalId=first["externalId"], fields="id,state")
    expect([order["id"] for order in found] == [first["id"]], f"found {found}")
    expect({"id", "state"} <= set(found[0]) and "serviceOrderItem" not in found[0], f"members are {sorted(found[0])}")


@check("R18.5: POST without items is 400")
def _(t):
    without = {name: value for name, value in labelled(t, "3").items() if name != "serviceOrderItem"}
    t.refused(t.client.post("/serviceOrder", without), 400, "serviceOrderItem")
    t.refused(t.client.post("/serviceOrder", {"serviceOrderItem": []}), 400, "serviceOrderItem")


@check("R18.5: POST with a specification that lacks its id is 400")
def _(t):
    body = order_of(item(serviceSpecification={"name": "no id", "version": "1"}))
    t.refused(t.client.post("/serviceOrder", body), 400, "serviceOrderItem", 0, "service", "serviceSpecification")


# ---- answers: headers, times, what is ignored ----


@check("POST: Location is the absolute href and leads to the order")
def _(t):
    answer = t.client.post("/serviceOrder", order_of(item())).must_be(201)
    order = t.order(answer)
    expect(answer.headers.get("location") == order["href"], f"Location {answer.headers.get('location')}: {answer}")
    expect(re.match(r"https?://", order["href"]), f"href is not absolute: {order['href']}")
    expect(order["href"].endswith(f"/serviceOrder/{order['id']}"), f"href is {order['href']}")
    expect(order["href"] == f"{t.client.base}/serviceOrder/{order['id']}", f"href is not where it was asked: {order['href']}")


@check("POST: orderDate is in UTC with Z")
def _(t):
    expect(UTC.fullmatch(t.needs("stock")["orderDate"]), f"orderDate is {t.stock['orderDate']}")


@check("POST: members that the server sets are ignored", telvisor=True)
def _(t):
    mine = {"id": "mine", "href": "http://mine/", "state": "completed", "orderDate": "2001-01-01T00:00:00Z"}
    order = t.place(order_of(item(), **mine, unheardOf={"a": 1}))
    for name, value in mine.items():
        expect(order[name] != value, f"{name} was taken over")
    expect("unheardOf" not in order, "an unknown member was kept")


@check("POST: an order that names nothing to do ends rejected, with the reason", telvisor=True)
def _(t):
    order = t.needs("stock")
    expect(order["state"] == "rejected", f"the 201 shows {order['state']}")
    messages = order.get("errorMessage", [])
    expect(messages and (messages[0].get("reason") or messages[0].get("message")), f"no errorMessage: {order}")


@check("POST: a client may not choose service.id of an add", telvisor=True)
def _(t):
    body = order_of(item(id="chosen"))
    t.refused(t.client.post("/serviceOrder", body), 400, "serviceOrderItem", 0, "service", "id")


# ---- wrong requests ----

MALFORMED = ("", "{", '{"serviceOrderItem":[', "not json", '{"serviceOrderItem":[]}}', "\x00")


@check("400: malformed JSON")
def _(t):
    for body in MALFORMED:
        t.refused(t.client.post("/serviceOrder", body), 400)


@check("400: invalid UTF-8")
def _(t):
    t.refused(t.client.post("/serviceOrder", b'{"description":"\xff","serviceOrderItem":[]}'), 400)


@check("400: JSON that is no object")
def _(t):
    for body in ("[]", "null", '"order"', "1"):
        t.refused(t.client.post("/serviceOrder", body), 400)


WRONG = [
    (("serviceOrderItem",), {"serviceOrderItem": "none"}),
    (("serviceOrderItem", 0), {"serviceOrderItem": [7]}),
    (("serviceOrderItem", 0, "id"), order_of(item(number=1))),
    (("serviceOrderItem", 0, "id"), {"serviceOrderItem": [{"action": "add", "service": {}}]}),
    (("serviceOrderItem", 0, "action"), {"serviceOrderItem": [{"id": "1", "service": {}}]}),
    (("serviceOrderItem", 0, "service"), {"serviceOrderItem": [{"id": "1", "action": "add"}]}),
    (("serviceOrderItem", 1, "action"), order_of(item(), item(action="destroy", number="2"))),
    (("serviceOrderItem", 0, "service", "serviceSpecification", "id"), order_of(item(serviceSpecification={"id": 7}))),
    (("serviceOrderItem", 0, "service", "state"), order_of(item(state="asleep"))),
    (("serviceOrderItem", 0, "quantity"), {"serviceOrderItem": [item() | {"quantity": "many"}]}),
    (("priority",), order_of(item(), priority=1)),
    (("requestedStartDate",), order_of(item(), requestedStartDate="tomorrow")),
    (("relatedParty", 0, "id"), order_of(item(), relatedParty=[{"id": 5, "role": "customer"}])),
]


for number, (path, body) in enumerate(WRONG):

    @check(f"400: wrong or missing {'.'.join(map(str, path))} ({number + 1}), named by its path")
    def _(t, path=path, body=body):
        t.refused(t.client.post("/serviceOrder", body), 400, *path)


@check("415: a body that is not JSON")
def _(t):
    for kind in ("text/plain", "application/xml"):
        t.refused(t.client.post("/serviceOrder", json.dumps(order_of(item())), Content_Type=kind), 415)


@check("405: a method that the resource does not have, with Allow")
def _(t):
    for method, path in (("PUT", "/serviceOrder"), ("DELETE", "/serviceOrder"), ("POST", f"/serviceOrder/{uuid.uuid4()}")):
        answer = t.client.request(method, path, "{}")
        t.refused(answer, 405)
        expect("GET" in answer.headers.get("allow", ""), f"Allow is {answer.headers.get('allow')!r}: {answer}")


@check("406: an answer that is not JSON is wanted", telvisor=True)
def _(t):
    t.refused(t.client.request("GET", "/serviceOrder", headers={"Accept": "application/xml"}), 406)


@check("413: a body of 16 MiB", telvisor=True)
def _(t):
    t.refused(t.client.post("/serviceOrder", order_of(item(), description="x" * (16 << 20))), 413)


@check("404: unknown paths have the error body, too")
def _(t):
    for path in ("/serviceOrders", "/serviceOrder/a/b"):
        t.refused(t.client.get(path), 404)


@check("404: ids that cannot be")
def _(t):
    for odd in ("not-a-uuid", "a%2Fb", "%27%20OR%201=1", "0" * 2000, "%F0%9F%98%80"):
        t.refused(t.client.get(f"/serviceOrder/{odd}"), 404)


# ---- lists ----


@check("list: newest first", telvisor=True)
def _(t):
    orders = [(order["orderDate"], order["id"]) for order in t.listed()]
    # One second is written with or without a fraction: compare as moments.
    moments = [re.sub(r"(\.\d+)?Z", lambda m: (m[1] or ".").ljust(10, "0"), date) for date, _ in orders]
    expect(moments == sorted(moments, reverse=True), f"not in order: {orders[:5]}")


@check("list: limit and offset cut pages, X-Total-Count stays")
def _(t):
    wanted = {t.needs("first")["id"], t.needs("second")["id"]}
    pages = []
    for offset in ("0", "1", "2"):
        answer = t.client.get("/serviceOrder", category=f"category-{t.run}", limit="1", offset=offset).must_be(200)
        expect(answer.count("X-Total-Count") == 2, f"X-Total-Count is not 2: {answer.target}")
        pages.append([order["id"] for order in answer.json()])
        expect(answer.count("X-Result-Count") == len(pages[-1]), f"X-Result-Count: {answer.target}")
    expect([len(page) for page in pages] == [1, 1, 0], f"pages are {pages}")
    expect({pages[0][0], pages[1][0]} == wanted, f"pages are {pages}")
    if not t.any_implementation:
        expect(pages[0] == [t.second["id"]], "the newest is not on the first page")


@check("list: bad limit or offset is 400 and named")
def _(t):
    for name in ("limit", "offset"):
        for bad in ("-1", "many", "1.5", "99999999999999999999"):
            t.refused(t.client.get("/serviceOrder", **{name: bad}), 400, name)


@check("list: an unknown filter attribute is 400 and named", telvisor=True)
def _(t):
    t.refused(t.client.get("/serviceOrder", colour="blue"), 400, "colour")


@check("list: a filter that nothing meets gives an empty list")
def _(t):
    expect(t.listed(externalId=f"nobody-{t.run}") == [], "something was found")


@check("list: ?state= filters")
def _(t):
    state = t.read(t.needs("first")["id"])["state"]
    found = t.listed(category=f"category-{t.run}", state=state)
    expect(t.first["id"] in [order["id"] for order in found], f"not found by state {state}")
    expect(all(order["state"] == state for order in found), f"states are {[order['state'] for order in found]}")


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


@check("idempotency: the same externalId with the same content is the same order, with other content 409", telvisor=True)
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
    candidates = [t.application] if t.application else [name for name in by_id if len(values_of(by_id[name], "plan")) > 1]
    expect(candidates and candidates[0] in by_id, f"no application with two plans among {sorted(by_id)}")
    t.application = candidates[0]
    t.plans = values_of(by_id[t.application], "plan")
    versions = values_of(by_id[t.application], "version")
    expect(versions, f"{t.application} lists no version")
    t.version = versions[-1]


@check("400: an unknown specification, named by its path", telvisor=True)
def _(t):
    body = order_of(item(specification=f"no-such-{t.run}"), customer=t.customer)
    t.refused(t.client.post("/serviceOrder", body), 400, "serviceOrderItem", 0, "service", "serviceSpecification")


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
    expect(t.future.get("requestedStartDate") == "2099-01-01T00:00:00Z", f"date is {t.future.get('requestedStartDate')}")


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
    answer = t.client.post("/cancelServiceOrder", {"serviceOrder": {"id": order_id}, "cancellationReason": "changed mind"})
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", required=True, help="base URL of the API, ending in /serviceOrdering/v4")
    parser.add_argument("--catalogue", help="base URL of TMF633 v4 (default: beside --url)")
    parser.add_argument("--application", help="service specification to provision (default: the first with two plans)")
    parser.add_argument("--spec", type=pathlib.Path, help="the official Swagger file (default: in tmf-specs/)")
    parser.add_argument("--any-implementation", action="store_true", help="leave out what only Telvisor promises")
    parser.add_argument("--junit", help="write a JUnit report to this file")
    options = parser.parse_args()
    spec = options.spec or pathlib.Path(__file__).resolve().parents[2] / "tmf-specs" / SPEC
    context = Context(options, Swagger(spec, extensions=options.any_implementation))

    def skip_reason(marks):
        return "only Telvisor promises this" if marks.get("telvisor") and options.any_implementation else None

    return suite.run(context, skip_reason, options.junit)


if __name__ == "__main__":
    sys.exit(main())
