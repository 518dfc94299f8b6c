"""zeep as a BSS at a server that asks who calls: UsernameToken with the secret, with a digest, and with wrong ones.

usage: zeep_secured_client.py NAME WSDL-URL FILE    FILE: what `telvisor client add bss --digest --json` printed
"""

import json
import sys
import uuid
from datetime import datetime, timedelta, timezone

import zeep
import zeep.exceptions
from requests import Session
from requests.auth import HTTPBasicAuth
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken

name, url, file = sys.argv[1:]
client = json.load(open(file))
secret, digest = client["secret"], client["digestSecret"]
passed = failed = 0


def check(what, held):
    global passed, failed
    passed, failed = passed + bool(held), failed + (not held)
    print("ok    " if held else "FAILED", what)


def place(**how):
    """Places an order; the state of it, or the code and the text of the fault."""
    soap = zeep.Client(url, **how)
    id = uuid.uuid4().hex[:8]
    try:
        return soap.service.CreateCustomer(order={"externalOrderId": id, "waitSeconds": 60}, name="Ada").state
    except zeep.exceptions.Fault as e:
        return f"{e.code} {e.message}"
    except zeep.exceptions.TransportError as e:
        return f"HTTP {e.status_code}"


def basic(password):
    session = Session()
    session.auth = HTTPBasicAuth("bss", password)
    return {"transport": Transport(session=session)}


def token(password, **how):
    return {"wsse": UsernameToken("bss", password, **how)}


check("HTTP Basic", place(**basic(secret)) == "completed")
check("PasswordText", place(**token(secret)) == "completed")
for n in range(3):
    check(f"PasswordDigest {n}", place(**token(digest, use_digest=True)) == "completed")
for what, how in [
    ("a wrong secret", token("wrong")),
    ("a wrong digest", token("wrong", use_digest=True)),
    ("the secret in a digest", token(secret, use_digest=True)),
    ("the digest's secret as text", token(digest)),
]:
    check(what, place(**how).startswith("wsse:FailedAuthentication 1002"))
used = token(digest, use_digest=True, nonce="0123456789abcdef", created=datetime.now(timezone.utc))
check("a nonce", place(**used) == "completed")
check("the same nonce again", place(**used).startswith("wsse:InvalidSecurity"))
old = token(digest, use_digest=True, created=datetime.now(timezone.utc) - timedelta(hours=1))
check("a token of an hour ago", place(**old).startswith("wsse:MessageExpired"))
check("no credentials", "1002" in place())

print(f"{name}: {passed} passed, {failed} failed")
sys.exit(failed != 0)
