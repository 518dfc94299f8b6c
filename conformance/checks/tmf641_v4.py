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
import pathlib
import sys

from swagger import Swagger
from tmf641.context import SUITE, Context

# Each adds its checks to the suite; later ones use the orders that earlier ones placed.
from tmf641 import official, answers, orders  # noqa: F401  isort: skip

SPEC = "TMF641/TMF641-ServiceOrdering-v4.1.0.swagger.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", required=True, help="base URL of the API, ending in /serviceOrdering/v4")
    parser.add_argument("--catalogue", help="base URL of TMF633 v4 (default: beside --url)")
    parser.add_argument("--application", help="service specification to provision (default: the first with two plans)")
    parser.add_argument("--spec", type=pathlib.Path, help="the official Swagger file (default: in conformance/official/)")
    parser.add_argument("--any-implementation", action="store_true", help="leave out what only Telvisor promises")
    parser.add_argument("--junit", help="write a JUnit report to this file")
    options = parser.parse_args()
    spec = options.spec or pathlib.Path(__file__).resolve().parents[2] / "conformance" / "official" / SPEC
    context = Context(options, Swagger(spec, extensions=options.any_implementation))

    def skip_reason(marks):
        return "only Telvisor promises this" if marks.get("telvisor") and options.any_implementation else None

    return SUITE.run(context, skip_reason, options.junit)


if __name__ == "__main__":
    sys.exit(main())
