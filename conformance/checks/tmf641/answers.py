"""Headers, errors and lists: how the API answers whatever is ordered."""

import json
import re
import uuid

from harness import expect
from swagger import UTC
from tmf641.context import check, item, order_of


# ---- answers: headers, times, what is ignored ----


@check("POST: Location is the absolute href and leads to the order")
def _(t):
    answer = t.client.post("/serviceOrder", order_of(item())).must_be(201)
    order = t.order(answer)
    expect(answer.headers.get("location") == order["href"], f"Location {answer.headers.get('location')}: {answer}")
    expect(re.match(r"https?://", order["href"]), f"href is not absolute: {order['href']}")
    expect(order["href"].endswith(f"/serviceOrder/{order['id']}"), f"href is {order['href']}")
    expect(
        order["href"] == f"{t.client.base}/serviceOrder/{order['id']}",
        f"href is not where it was asked: {order['href']}",
    )


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
    for method, path in (
        ("PUT", "/serviceOrder"),
        ("DELETE", "/serviceOrder"),
        ("POST", f"/serviceOrder/{uuid.uuid4()}"),
    ):
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
