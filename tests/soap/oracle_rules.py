"""The rules by which our reader is stricter, or on purpose more lenient, than libxml2 finds the schema to be.

A stricter rule has a condition on the element that we refused. A lenient one says what a body means to us: without
what we overlook, libxml2 must find it valid.
"""

import re
from dataclasses import dataclass
from typing import Callable

NS = "urn:telvisor:orders:v1"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def body(operation, inside, attributes=""):
    return f'<{operation} xmlns="{NS}" xmlns:xsi="{XSI}"{attributes}>{inside}</{operation}>'


def suspend(of_order, reason=""):
    """SuspendCustomer with more in its order."""
    order = f"<order><externalOrderId>1</externalOrderId>{of_order}</order>"
    return body("SuspendCustomer", f"{order}<customerId>C-1</customerId>{reason}")


def at(root, path):
    """The element that a path of ours names: local names, numbered where there may be several."""
    here = root
    for step in path.strip("/").split("/")[1:]:
        name, number = re.fullmatch(r"(.*?)(?:\[(\d+)\])?", step).groups()
        found = [e for e in here if isinstance(e.tag, str) and e.tag.split("}")[-1] == name]
        if len(found) < int(number or 1):
            return None
        here = found[int(number or 1) - 1]
    return here


def value(element):
    """Its text over comments, collapsed."""
    return " ".join("".join(element.itertext(tag=element.tag)).split())


@dataclass
class Stricter:
    """We refuse, with this code, an element that the schema allows."""

    name: str
    code: str
    condition: Callable
    example: str
    near_miss: str
    strict = True

    def explains(self, root, ours):
        if ours["code"] != self.code:
            return False
        element = at(root, ours["path"])
        return element is not None and self.condition(element)


@dataclass
class Lenient:
    """We accept what the schema does not: `meaning` takes away what we overlook."""

    name: str
    meaning: Callable
    example: str
    near_miss: str
    strict = False


def one_order_name(element):
    names = [e for e in element if e.tag in (f"{{{NS}}}orderId", f"{{{NS}}}externalOrderId")]
    given = [e for e in names if not is_nil(e)]
    return element.tag in (f"{{{NS}}}GetOrderStatus", f"{{{NS}}}CancelOrder") and len(given) != 1


def is_nil(element):
    return element.get(f"{{{XSI}}}nil", "").strip() in ("true", "1")


def no_http_uri(element):
    uri = value(element)
    # A host, and brackets nowhere but around it.
    web = re.match(r"https?://([^/?#@]*@)?(\[[^]]*\]|[^/?#@:\[\] ]+)(:|/|\?|#|$)[^\[\] ]*$", uri)
    return element.tag == f"{{{NS}}}notifyTo" and (not web or len(uri.encode()) > 1024)


def no_operation(element):
    return element.getparent() is None and (element.tag.endswith("Response") or element.tag.endswith("provisioningFault"))


def foreign_year(element):
    year = re.match(r"(-?\d+)-\d\d-\d\dT", value(element))
    return year is not None and not 1 <= int(year[1]) <= 9999


def without_nil_elements(root):
    # Comments are no content.
    empty = [e for e in root.iter("*") if next(e.iterchildren("*"), None) is None and not "".join(e.itertext(e.tag))]
    found = [e for e in empty if is_nil(e) and e.getparent() is not None]
    for e in found:
        # Text after it stays where it is.
        before, parent = e.getprevious(), e.getparent()
        if e.tail:
            if before is not None:
                before.tail = (before.tail or "") + e.tail
            else:
                parent.text = (parent.text or "") + e.tail
        parent.remove(e)
    return bool(found)


def without_nil_false(root):
    found = [e for e in root.iter("*") if e.get(f"{{{XSI}}}nil", "").strip() in ("false", "0")]
    for e in found:
        del e.attrib[f"{{{XSI}}}nil"]
    return bool(found)


def without_content_of_extensions(root):
    found = root.findall(f"{{{NS}}}order/{{{NS}}}extension/*")
    for e in found:
        tail = e.tail
        e.clear()
        e.tail = tail
    return bool(found)


def without_space_around_dates(root):
    """XML Schema removes the space around a date and the name of a type (whiteSpace is collapse); libxml2 does not."""
    names = ["requestedStartDate", "requestedCompletionDate", "changedSince"]
    found = False
    for e in root.iter(*(f"{{{NS}}}{name}" for name in names)):
        if not len(e) and e.text and e.text != e.text.strip(" \t\r\n"):
            e.text, found = e.text.strip(" \t\r\n"), True
    return found


def without_space_around_types(root):
    key = f"{{{XSI}}}type"
    found = [e for e in root.iter("*") if e.get(key, "") != e.get(key, "").strip(" ")]
    for e in found:
        e.set(key, e.get(key).strip(" "))
    return bool(found)


RULES = [
    Stricter(
        "exactly-one-order-name", "SCHEMA_VIOLATION", one_order_name,
        body("GetOrderStatus", "<orderId>1</orderId><externalOrderId>1</externalOrderId>"),
        body("GetOrderStatus", "<externalOrderId>1</externalOrderId>"),
    ),
    Stricter(
        "only-requests", "UNKNOWN_OPERATION", no_operation,
        body("UnsubscribeResponse", ""),
        body("DropAll", ""),
    ),
    Stricter(
        "web-address", "SCHEMA_VIOLATION", no_http_uri,
        suspend("<notifyTo>urn:a:b</notifyTo>"),
        suspend("<notifyTo>http://a/b</notifyTo>"),
    ),
    Stricter(
        "years-1-to-9999", "SCHEMA_VIOLATION", foreign_year,
        suspend("<requestedStartDate>10000-01-01T00:00:00Z</requestedStartDate>"),
        suspend("<requestedStartDate>9999-12-31T23:59:59Z</requestedStartDate>"),
    ),
    Lenient(
        "nil-is-absent", without_nil_elements,
        suspend('<description xsi:nil="true"/>'),
        suspend("", '<reason xsi:nil="true">x</reason>'),
    ),
    Lenient(
        "nil-false-says-nothing", without_nil_false,
        suspend('<description xsi:nil="false">x</description>'),
        suspend('<description xsi:nil="no">x</description>'),
    ),
    Lenient(
        "extensions-are-not-looked-into", without_content_of_extensions,
        suspend(f'<extension><x:a xmlns:x="urn:x"><t:GetCustomer xmlns:t="{NS}"/></x:a></extension>'),
        suspend('<extension><x:a xmlns:x="urn:x"><x:b/></x:a></extension>'),
    ),
    Lenient(
        "space-around-a-date", without_space_around_dates,
        suspend("<requestedStartDate> 2026-11-23T08:00:00Z </requestedStartDate>"),
        suspend("<requestedStartDate>2026-11-23T08:00:00 Z</requestedStartDate>"),
    ),
    Lenient(
        "space-around-a-type", without_space_around_types,
        suspend(f'<description xmlns:t="{NS}" xsi:type=" t:Text ">x</description>'),
        suspend(f'<description xmlns:t="{NS}" xsi:type="t: Text">x</description>'),
    ),
]
