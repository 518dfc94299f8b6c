"""Holds an answer against a definition of an official Swagger 2.0 file: types, enumerations, mandatory members."""

import json
import re

# RFC 3339 with the offset spelled Z: an official kit puts the value into a query unencoded, where "+" is a blank.
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")

KINDS = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


class Swagger:
    def __init__(self, path, extensions=False):
        """With `extensions`, members that the file does not know are accepted (TM Forum allows extended types)."""
        with open(path, encoding="utf-8") as file:
            self.definitions = json.load(file)["definitions"]
        self.extensions = extensions

    def faults(self, name, value):
        """What is wrong with `value` as a `name`: a list of "path: fault", empty if nothing is."""
        return list(self._walk({"$ref": f"#/definitions/{name}"}, value, name))

    def enumeration(self, name):
        return set(self.definitions[name]["enum"])

    def _walk(self, schema, value, path):
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            if name == "Any":
                return
            schema = self.definitions[name]
        kind = schema.get("type", "object" if "properties" in schema else None)
        if kind and not KINDS[kind](value):
            yield f"{path}: not of type {kind} but {value!r}"
            return
        if "enum" in schema and value not in schema["enum"]:
            yield f"{path}: {value!r} is none of {schema['enum']}"
        if schema.get("format") == "date-time" and not UTC.fullmatch(value):
            yield f"{path}: {value!r} is no time stamp in UTC with Z"
        if kind == "array":
            if len(value) < schema.get("minItems", 0):
                yield f"{path}: fewer than {schema['minItems']} elements"
            for index, element in enumerate(value):
                yield from self._walk(schema.get("items", {}), element, f"{path}[{index}]")
        elif kind == "object":
            yield from self._object(schema, value, path)

    def _object(self, schema, value, path):
        known = schema.get("properties", {})
        for name in schema.get("required", []):
            # The official files require a few members that they do not define; those cannot be meant.
            if name in known and name not in value:
                yield f"{path}: lacks {name}"
        for name, member in value.items():
            if name in known:
                yield from self._walk(known[name], member, f"{path}.{name}")
            elif known and not self.extensions:
                yield f"{path}: has {name}, which the official file does not know"
