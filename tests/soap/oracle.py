"""Holds our reader of SOAP bodies against libxml2's XML Schema validation, over bodies made wrong by chance.

usage: oracle.py --mutants PROGRAM [--count N] [--seed N] [--show N]

`PROGRAM mutants N SEED` writes N bodies of each operation with our verdict (examples/soap_mutants). Where libxml2
judges otherwise, one of the rules of oracle_rules.py must say why; anything else is a failure. One check counts for
each operation, then one for each rule: its example is judged as it says, and its near miss alike by both.

The last check is of markup: twenty times N whole messages, made wrong in their markup, must be well-formed for both or
for neither, and then have the same tree. Only what SOAP forbids of XML may be refused by us alone.
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


# What a SOAP message may not have although XML does, and declarations: we know two encodings by their proper names, and
# version 1.0; libxml2 also takes "UTF8" and "1.".
FORBIDDEN = {"dtd", "processing_instruction", "unsupported_encoding", "bad_declaration"}
PLAIN = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)


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


def tree(e):
    """As the program writes it: namespace, name, attributes, text without what stands between, children."""
    name = etree.QName(e)
    attributes = [(etree.QName(n), value) for n, value in e.attrib.items()]
    attributes = sorted([n.namespace or "", n.localname, value] for n, value in attributes)
    text = (e.text or "") + "".join(child.tail or "" for child in e)
    return [name.namespace or "", name.localname, attributes, text, [tree(child) for child in e]]


def markup_disagreement(case):
    """What the two say of a message's markup, where they say it differently."""
    kind = case.get("kind")
    try:
        theirs = tree(etree.fromstring(case["message"].encode(), PLAIN))
    except etree.XMLSyntaxError as e:
        # libxml2 also judges whether a namespace name is a URI; Namespaces in XML leaves that open.
        well_formed = "is not a valid URI" in str(e)
        return None if kind or well_formed else f"we accept it; libxml2: {e}"
    except ValueError as e:
        return None if kind else f"we accept it; lxml: {e}"
    if kind:
        return None if kind in FORBIDDEN else f"we refuse it ({kind}); libxml2 accepts it"
    return None if case["tree"] == theirs else f"our tree is {case['tree']}, libxml2's {theirs}"


def check_markup(program, count, seed, show):
    """Messages that are wrong in their markup; neither good nor bad ones may be rare."""
    command = [program, "messages", str(count), str(seed)]
    seen = accepted = bad = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as messages:
        for line in messages.stdout:
            case = json.loads(line)
            seen += 1
            accepted += "tree" in case
            wrong = markup_disagreement(case)
            bad += wrong is not None
            if wrong and bad <= show:
                print(f"disagreement, markup: {wrong}\n    {case['message']!r}")
    failed = bad > 0 or seen != count or not count * 0.05 < accepted < count * 0.95
    print(f"{'FAILED' if failed else 'ok    '} markup: {seen} messages, {accepted} accepted, {bad} disagreements")
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
    failed += check_markup(options.mutants, 20 * options.count, options.seed, options.show)
    print(f"soap-oracle: {len(cases) + len(RULES) + 1 - failed} passed, {failed} failed")
    sys.exit(failed != 0)


main()
