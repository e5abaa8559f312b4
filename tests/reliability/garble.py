"""Ways to garble a good answer: in its structure, in its values, in its bytes."""

import json
from random import Random
from typing import Any
from xml.etree import ElementTree

# What may stand where something else should.
ODD_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    10**30,
    "",
    " ",
    "x",
    "0",
    "-1",
    "NaN",
    "\u0000",
    "\ud7ff\U0010ffff",
    "9" * 400,
    [],
    {},
    [None],
    [[]],
    {"": None},
    [{}],
    "2030-13-45T99:99:99Z",
    "arn:aws:ecs",
    "https://[",
]


def garbled(body: bytes, rnd: Random) -> bytes:
    """The body with one to three things wrong."""
    for _ in range(rnd.randint(1, 3)):
        kind = rnd.random()
        if kind < 0.75 and body.lstrip().startswith(b"{"):
            body = _json(body, rnd)
        elif kind < 0.75 and body.lstrip().startswith(b"<"):
            body = _xml(body, rnd)
        else:
            body = _bytes(body, rnd)
    return body


def _json(body: bytes, rnd: Random) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return _bytes(body, rnd)
    places = list(_places(document))
    if not places:
        return json.dumps(rnd.choice(ODD_VALUES)).encode()
    holder, key = rnd.choice(places)
    match rnd.randrange(4):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.append(holder[key])
        case 2:
            other, name = rnd.choice(places)
            holder[key] = json.loads(json.dumps(other[name]))
        case _:
            holder[key] = rnd.choice(ODD_VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> Any:
    """Every (holder, key) in a document, strings that hold JSON themselves left as they are."""
    keys: Any = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _xml(body: bytes, rnd: Random) -> bytes:
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, LookupError):
        # Garbled before: no XML any more, or in an encoding that does not exist.
        return _bytes(body, rnd)
    pairs = [(parent, child) for parent in root.iter() for child in parent]
    if not pairs:
        return _bytes(body, rnd)
    parent, child = rnd.choice(pairs)
    match rnd.randrange(5):
        case 0:
            parent.remove(child)
        case 1:
            parent.append(child)
        case 2:
            child.tag = rnd.choice(["x", rnd.choice(pairs)[1].tag])
        case 3:
            child.append(ElementTree.Element("item"))
        case _:
            odd = [text for text in ODD_VALUES if isinstance(text, str) and text.isprintable()]
            child.text = rnd.choice(odd)
    made: bytes = ElementTree.tostring(root)
    return made


def _bytes(body: bytes, rnd: Random) -> bytes:
    at = rnd.randrange(len(body) + 1)
    match rnd.randrange(4):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + rnd.randbytes(rnd.randint(1, 8)) + body[at:]
        case 2:
            return body[:at] + body[at + rnd.randint(1, 40) :]
        case _:
            return (
                body[:at] + rnd.choice([b"<", b"{", b"]", b'"', b"\x00", b"\xff"]) + body[at + 1 :]
            )
