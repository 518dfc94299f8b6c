"""What the checks of TMF641 share: the server under test, and bodies to send to it."""

import json
import uuid

from harness import Client, Suite, expect, names, poll

MANDATORY = ("id", "href", "state", "orderDate", "serviceOrderItem")
FINAL = {"rejected", "cancelled", "completed", "failed", "partial"}
PATIENCE_SECONDS = 90

SUITE = Suite("tmf641_v4")
check = SUITE.check


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
