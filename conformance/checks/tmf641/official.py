"""What the official kits ask, in our own words."""

import json
import uuid

from harness import expect
from tmf641.context import check, item, order_of


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
