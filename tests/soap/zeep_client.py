"""zeep as a BSS: loads the WSDL, places every order of contract A, reads what there is and every kind of fault.

usage: zeep_client.py NAME WSDL-URL
"""

import sys
import uuid
from datetime import datetime, timezone

import zeep
import zeep.exceptions

name, url = sys.argv[1:]
run = uuid.uuid4().hex[:8]
client = zeep.Client(url)
call = client.service
passed = failed = orders = 0


def check(what, held):
    global passed, failed
    passed, failed = passed + bool(held), failed + (not held)
    print("ok    " if held else "FAILED", what)


def order(**more):
    global orders
    orders += 1
    return {"externalOrderId": f"{run}-{orders}", "waitSeconds": 60, **more}


def place(operation, **members):
    """An order that must have ended well when it is answered."""
    ack = getattr(call, operation)(order=order(), **members)
    check(f"{operation} is {ack.state}", ack.state == "completed" and ack.externalOrderId == f"{run}-{orders}")
    return ack


def fault(what, number, code, path, operation, **members):
    """A call that must be refused so; the detail is read by its type in the schema."""
    try:
        getattr(call, operation)(**members)
        check(f"{what} is refused", False)
        return None
    except zeep.exceptions.Fault as e:
        found = e.detail[0] if e.detail is not None and len(e.detail) else None
        detail = client.get_element(f"{{{found.nsmap[found.prefix]}}}provisioningFault").parse(found, client.wsdl.types)
        right = (detail.number, detail.code, detail.retryable) == (number, code, False)
        check(f"{what}: {e.message}", right and (detail.path or "").endswith(path) and str(number) in e.message)
        check(f"{what}: it has a time", isinstance(detail.timestamp, datetime))
        return detail


customer = f"zeep-{run}"
contact = {"email": "ada@example.com", "city": "London", "country": "GB"}
ack = place("CreateCustomer", customerId=customer, name="Ada & <Sons>", contact=contact)
check("the ack names the customer", ack.customerId == customer and ack.duplicate is None)
check("dates are dates", ack.orderDate.tzinfo is not None)
ack = place("ProvisionApplication", customerId=customer, applicationId="kinfolk", planId="solo", version="2.0")
subscription = {"subscriptionId": ack.subscriptionId}
place("ChangeSubscription", **subscription, changeType="upgrade", planId="team")
place("ChangeSubscription", **subscription, changeType="downgrade", planId="solo")
place("SuspendSubscription", **subscription, reason="unpaid")
check("it is suspended", call.GetSubscription(**subscription).state == "suspended")
place("ReactivateSubscription", **subscription)
place("SuspendCustomer", customerId=customer)
place("ReactivateCustomer", customerId=customer)

place("BackupSubscription", **subscription)
status = call.GetOrderStatus(externalOrderId=f"{run}-{orders}")
check("GetOrderStatus shows the item", status.state == "completed" and len(status.item) == 1)
backup = status.item[0].backupId
listed = call.ListBackups(**subscription)
check("ListBackups has it", [(b.backupId, b.state) for b in listed if b.backupId == backup] == [(backup, "available")])
link = call.GetBackupLink(backupId=backup, customerId=customer, expiresInSeconds=600)
check("GetBackupLink", link.url.startswith("http") and link.expiresAt > datetime.now(timezone.utc))
place("RestoreSubscription", **subscription, backupId=backup)

shown = call.GetSubscription(**subscription)
check("GetSubscription", (shown.customerId, shown.state, shown.planId) == (customer, "active", "solo"))
shown = call.GetCustomer(customerId=customer)
check("GetCustomer", (shown.name, shown.contact.city) == ("Ada & <Sons>", "London"))
check("GetCustomer names the subscription", shown.subscriptionId == [ack.subscriptionId])
page = call.FindOrders(customerId=customer, limit=3)
check("FindOrders", page.total == orders and len(page.status) == 3)

again = {"externalOrderId": f"{run}-1", "waitSeconds": 60}
ack = call.CreateCustomer(order=again, customerId=customer, name="Ada & <Sons>", contact=contact)
check("a repeat answers the same order", ack.duplicate is True and ack.state == "completed")
detail = fault("other content", 3006, "DUPLICATE_ORDER_CONFLICT", "/order/externalOrderId", "CreateCustomer",
               order=again, customerId=customer, name="Eve")
check("the conflict names the order", detail and detail.orderId == ack.orderId)
fault("no such customer", 3001, "CUSTOMER_NOT_FOUND", "/GetCustomer/customerId", "GetCustomer", customerId="nobody")
fault("no such plan", 3004, "APPLICATION_OR_PLAN_UNKNOWN", "/planId", "ProvisionApplication",
      order=order(), customerId=customer, applicationId="kinfolk", planId="huge")
fault("an order that has ended", 3005, "INVALID_STATE", "", "CancelOrder", externalOrderId=f"{run}-1")
fault("no order named", 2005, "SCHEMA_VIOLATION", "/GetOrderStatus", "GetOrderStatus")
fault("priority 9", 2005, "SCHEMA_VIOLATION", "/order/priority", "SuspendCustomer",
      order=order(priority=9), customerId=customer)

later = order(requestedStartDate=datetime(2099, 1, 1, tzinfo=timezone.utc), waitSeconds=0)
ack = call.SuspendCustomer(order=later, customerId=customer)
check("an order for later waits", ack.state == "acknowledged")
check("CancelOrder", call.CancelOrder(orderId=ack.orderId, reason="no more").state == "cancelled")

place("TerminateSubscription", **subscription)
place("TerminateCustomer", customerId=customer)
check("the customer is terminated", call.GetCustomer(customerId=customer).state == "terminated")

print(f"{name}: {passed} passed, {failed} failed")
sys.exit(failed != 0)
