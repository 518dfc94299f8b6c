"""zeep as a provisioning gateway: opens a session, places every order of contract B, reads, searches, meets faults.

usage: zeep_ne_client.py NAME WSDL-URL
"""

import sys
import uuid

import zeep
import zeep.exceptions
from zeep import xsd

NE, MO = "urn:telvisor:ne:1.2", "urn:telvisor:mo:v1"

name, url = sys.argv[1:]
run = uuid.uuid4().hex[:8]
client = zeep.Client(url)
passed = failed = calls = 0


def check(what, held):
    global passed, failed
    passed, failed = passed + bool(held), failed + (not held)
    print("ok    " if held else "FAILED", what)


def element(local, value):
    declared = client.get_element(f"{{{MO}}}{local}")
    return xsd.AnyObject(declared, declared(**value) if isinstance(value, dict) else declared(value))


def keys(**named):
    return {"_value_1": [element(key, value) for key, value in named.items()]}


def attributes(verb, **values):
    return {"_value_1": element(verb, values)}


def call(operation, kind, **members):
    """Calls an operation in the session; its header blocks must come back."""
    global calls
    calls += 1
    sent = {"SessionId": session, "TransactionId": f"{run}-{calls}", "SequenceId": str(sequence + calls), "Context": " as is "}
    answer = getattr(client.service, operation)(MOType=f"{kind}@{MO}", **members, _soapheaders=sent)
    came = {block: answer.header[block] for block in sent}
    check(f"{operation} {kind}: the header blocks come back", came == sent)
    return answer.body


def got(kind, id):
    """Attributes of an object, as its element in the schema says."""
    body = call("Get", kind, MOId=id)
    return body.MOAttributes._value_1


def fault(what, number, role, operation, kind, **members):
    try:
        call(operation, kind, **members)
        check(f"{what} is refused", False)
    except zeep.exceptions.Fault as e:
        found = e.detail.find(f"{{{NE}}}Cai3gFault")
        detail = client.get_element(f"{{{NE}}}Cai3gFault").parse(found, client.wsdl.types)
        check(f"{what}: {detail.faultreason.reasonText[0]}", (detail.faultcode, detail.faultrole) == (number, role))


opened = client.service.Login(userId="gateway", pwd="secret")
session, sequence = opened.sessionId, opened.baseSequenceId
check("Login opens a session", len(session) > 20 and isinstance(sequence, int))

customer = keys(customerId=f"ne-{run}")
call("Create", "Customer", MOId=customer, MOAttributes=attributes("createCustomer", name="Ada & <Sons>"))
body = call("Create", "Subscription", MOId=keys(customerId=f"ne-{run}", applicationId="kinfolk"),
            MOAttributes=attributes("createSubscription", planId="solo", version="2.0"))
id = body.MOId._value_1[0]
subscription = keys(subscriptionId=id)
check("Create answers the key", len(id) == 36)
for what, value in [("planId", "team"), ("planId", "solo"), ("state", "suspended"), ("state", "active")]:
    call("Set", "Subscription", MOId=subscription, MOAttributes=attributes("setSubscription", **{what: value}))
    check(f"{what} is {value}", getattr(got("Subscription", subscription), what) == value)
for state in ["suspended", "active"]:
    call("Set", "Customer", MOId=customer, MOAttributes=attributes("setCustomer", state=state))
    check(f"the customer is {state}", got("Customer", customer).state == state)
check("the name is the name", got("Customer", customer).name == "Ada & <Sons>")
found = call("Search", "Subscription", filters={"filter": [{"name": "customerId", "value": f"ne-{run}"}]}).result
check("Search finds it", [r.MOId._value_1[0] for r in found] == [id])

fault("what is there already", 3008, "NEF", "Create", "Customer", MOId=customer,
      MOAttributes=attributes("createCustomer", name="Eve"))
fault("an object that is none", 2005, "MF", "Get", "Printer", MOId=customer)
fault("no such plan", 3004, "NEF", "Set", "Subscription", MOId=subscription,
      MOAttributes=attributes("setSubscription", planId="huge"))
call("Delete", "Subscription", MOId=subscription)
fault("what is deleted", 3002, "NEF", "Get", "Subscription", MOId=subscription)
call("Delete", "Customer", MOId=customer)
fault("what is deleted", 3001, "NEF", "Delete", "Customer", MOId=customer)

client.service.Logout(sessionId=session)
fault("a session that has ended", 1001, "MF", "Get", "Customer", MOId=customer)

print(f"{name}: {passed} passed, {failed} failed")
sys.exit(failed != 0)
