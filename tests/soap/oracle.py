"""Holds our reader of SOAP bodies against libxml2's XML Schema validation, over bodies made wrong by chance.

usage: oracle.py --mutants PROGRAM [--count N] [--seed N] [--show N]

`PROGRAM mutants N SEED` writes N bodies of each operation with our verdict (examples/soap_mutants). Where libxml2
judges otherwise, one of the rules of oracle_rules.py must say why; anything else is a failure. One check counts for
each operation, then one for each rule: its example is judged as it says, and its near miss alike by both.
"""

import argparse
import copy
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from lxml import etree

from oracle_rules import RULES

ROOT = Path(__file__).resolve().parents[2]
PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


class Judge:
    """libxml2's verdict: None where a body is valid, else what is wrong."""

    def __init__(self, schema):
        self.schema = etree.XMLSchema(etree.parse(str(schema)))

    def verdict(self, root):
        if self.schema.validate(root):
            return None
        return self.schema.error_log.last_error.message


def parsed(body):
    try:
        return etree.fromstring(body.encode(), PARSER)
    except etree.XMLSyntaxError as e:
        return str(e)


def explained(judge, root, ours):
    """The rules that say why the two disagree: each stricter one by itself, the lenient ones together."""
    if ours is not None:
        return [rule.name for rule in RULES if rule.strict and rule.explains(root, ours)]
    meant = copy.deepcopy(root)
    rules = [rule.name for rule in RULES if not rule.strict and rule.meaning(meant)]
    return rules if judge.verdict(meant) is None else []


def disagreement(judge, case):
    """What the two say of a case, where they say it differently and no rule explains it; and the rules, if some do."""
    ours, root = case["verdict"], parsed(case["body"])
    if isinstance(root, str):
        return (None, None) if ours else (f"we accept it; libxml2 cannot parse it: {root}", None)
    if ours and ours["code"] == "XML":
        return f"we cannot parse it: {ours['message']}", None
    theirs = judge.verdict(root)
    if (ours is None) == (theirs is None):
        return None, None
    rules = explained(judge, root, ours)
    if rules:
        return None, rules
    said = "accept it" if ours is None else f"refuse it ({ours['code']} {ours.get('path')}: {ours['message']})"
    return f"we {said}; libxml2: {theirs or 'valid'}", None


def check_rules(judge, program):
    """Each rule by its own example and near miss."""
    bodies = [body for rule in RULES for body in (rule.example, rule.near_miss)]
    lines = "".join(json.dumps(body) + "\n" for body in bodies)
    out = subprocess.run([program, "judge"], input=lines, capture_output=True, text=True, check=True).stdout
    cases = iter([json.loads(line) for line in out.splitlines()])
    failed = 0
    for rule in RULES:
        example, near_miss = next(cases), next(cases)
        root = parsed(example["body"])
        differ = (example["verdict"] is None) != (judge.verdict(root) is None)
        rules = explained(judge, root, example["verdict"])
        near = disagreement(judge, near_miss)
        if differ and rules == [rule.name] and near == (None, None):
            print(f"ok     rule {rule.name}")
            continue
        failed += 1
        print(f"FAILED rule {rule.name}: differ {differ}, explained by {rules}, near miss {near}")
        print(f"       ours {example['verdict']}, libxml2 {judge.verdict(root)}")
    return failed


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--mutants", required=True)
    options.add_argument("--count", type=int, default=300)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--show", type=int, default=5, help="disagreements to show for each operation")
    options = options.parse_args()
    judge = Judge(ROOT / "wsdl" / "telvisor-orders.xsd")

    cases, accepted, bad, rules = Counter(), Counter(), Counter(), Counter()
    command = [options.mutants, "mutants", str(options.count), str(options.seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as mutants:
        for line in mutants.stdout:
            case = json.loads(line)
            operation = case["operation"]
            cases[operation] += 1
            accepted[operation] += case["verdict"] is None
            wrong, because = disagreement(judge, case)
            rules.update(because or ())
            if wrong:
                bad[operation] += 1
                if bad[operation] <= options.show:
                    print(f"disagreement, {operation} by {', '.join(case['changes'])}: {wrong}\n    {case['body'][:1500]}")
    if mutants.returncode != 0 or len(cases) != 20:
        print(f"the mutants ended with {mutants.returncode}, {len(cases)} operations")
        sys.exit(1)

    failed = 0
    for operation, count in cases.items():
        # Neither must be rare, or nothing was compared.
        fair = count == options.count and count * 0.1 < accepted[operation] < count * 0.9
        failed += bad[operation] > 0 or not fair
        print(f"{'FAILED' if bad[operation] or not fair else 'ok    '} {operation}: {count} bodies, "
              f"{accepted[operation]} accepted, {bad[operation]} disagreements")
    print("explained by rules:", ", ".join(f"{name} {n}" for name, n in sorted(rules.items())))
    failed += check_rules(judge, options.mutants)
    print(f"soap-oracle: {len(cases) + len(RULES) - failed} passed, {failed} failed")
    sys.exit(failed != 0)


main()
