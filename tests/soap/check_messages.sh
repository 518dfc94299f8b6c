#!/usr/bin/env bash
# Holds every message in a folder against the schemas of the envelopes and of our contracts, by xmllint; then makes
# sure that messages which are wrong would have been found.
#   check_messages.sh FOLDER
set -euo pipefail

folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
wsdl=$here/../../wsdl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
planted=$work/planted
mkdir "$planted"
cd "$work"

# inline FILE NAMESPACE: the schema of a namespace that stands in a description.
inline() {
  sed -n "/<xsd:schema targetNamespace=\"$2\"/,/<\/xsd:schema>/p" "$wsdl/$1" |
    sed '1s|<xsd:schema |&xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:tns="urn:telvisor:notify:v1" |'
}

cp "$here"/*.xsd "$wsdl/telvisor-orders.xsd" .
inline telvisor-ne.wsdl urn:telvisor:ne:1.2 >ne.xsd
# The dialect under another name (soap.ne_namespace), as a test has it.
sed 's,urn:telvisor:ne:1.2,http://gateway.example/ne/,g' ne.xsd >gateway.xsd
inline telvisor-ne.wsdl urn:telvisor:mo:v1 >mo.xsd
inline telvisor-notify.wsdl urn:telvisor:notify:v1 >notify.xsd

judge() {
  find "$1" -name '*.xml' -print0 | xargs -0 -n 200 xmllint --noout --nonet --schema messages.xsd 2>&1 || true
}

all=$(find "$folder" -name '*.xml' | wc -l)
[ "$all" -gt 0 ] || { echo "there is no message in $folder"; exit 1; }
judge "$folder" >verdicts
passed=$(grep -c ' validates$' verdicts || true)
failed=$((all - passed))
grep -v ' validates$' verdicts | sed -n 1,50p || true
sed -nE 's/ fails to validate$//p' verdicts | while read -r file; do cat "$file" && echo; done

# plant NAME SED-SCRIPT PATTERN: a message that has the pattern, made wrong, must be found.
plant() {
  local file
  file=$(grep -lrE --include='*.xml' -m1 "$3" "$folder" | sort | sed -n 1p)
  if [ -n "$file" ]; then
    rm -f "$planted"/*
    sed -E "$2" "$file" >"$planted/$1.xml"
    if ! cmp -s "$file" "$planted/$1.xml" && [[ $(judge "$planted") == *' fails to validate' ]]; then
      passed=$((passed + 1))
      return
    fi
  fi
  failed=$((failed + 1))
  echo "FAILED: $1 would not be found"
}

plant no-state 's|<tns:state>[a-zA-Z]*</tns:state>||' '<tns:ack>'
plant foreign-element 's|(</tns:ack>)|<evil/>\1|' '<tns:ack>'
plant unknown-answer 's|CreateCustomerResponse|CreateCustomerAnswer|g' '<tns:CreateCustomerResponse'
plant bad-date 's|(<tns:orderDate>[^<]*)Z|\1 UTC|' '<tns:orderDate>'
plant bad-detail 's|<tns:number>[0-9]*|<tns:number>x|' '<detail>'
plant qualified-faultcode 's|faultcode|soap:faultcode|g' '<faultcode>'
plant no-reason 's|<soap:Reason>.*</soap:Reason>||' '<soap:Reason>'
plant unbound-code 's|(<faultcode)[^>]*>wsse:|\1>wsse:|' '<faultcode xmlns:wsse'
plant bad-code 's|(<ne:faultcode>)[0-9]*|\1x|' '<ne:Cai3gFault'
plant bad-object 's|(<mo:planId>)[^<]*|\1|' '<mo:planId>'
plant second-body 's|(<soap:Body>.*</soap:Body>)|\1\1|' '<soap:Body>'

echo "soap-messages: $passed passed, $failed failed"
[ "$failed" = 0 ]
