#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: bus.py BERTHD BERTHCTL MAN-PAGE
#
# io.berth1(5) has every method, signal and property of our interfaces with its signature, and no other. The
# properties of settings are in berth.container(5), which its own check compares.

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

SECTIONS = {"THE RUNTIME OBJECT": "Runtime", "CONTAINERS": "Container", "IMAGES": "Image", "OPERATIONS": "Operation"}


def arguments(element, direction):
    return ", ".join(f"{a.get('type')} {a.get('name')}" for a in element.findall("arg")
                     if direction in (None, a.get("direction", "in")))


def members(element):
    for m in element.findall("method"):
        out = arguments(m, "out")
        yield f"{m.get('name')}({arguments(m, 'in')})" + (f" -> ({out})" if out else "")
    for s in element.findall("signal"):
        yield f"{s.get('name')}({arguments(s, None)})"
    for p in element.findall("property"):
        yield f"{p.get('name')} ({p.get('type')})"


def actual(berthd, settings):
    found = set()
    text = subprocess.run([berthd, "--bus-introspect"], check=True, capture_output=True, text=True).stdout
    # One document after the other; their heads are of no use.
    text = re.sub(r"<!DOCTYPE.*?>|<\?xml.*?\?>", "", text, flags=re.S)
    for interface in xml.fromstring(f"<all>{text}</all>").iter("interface"):
        name = interface.get("name")
        if name.startswith("io.berth1."):
            found |= {(name[10:], m) for m in members(interface)}
    return {(i, m) for i, m in found if not (i == "Container" and m.split(" ")[0] in settings and "(" not in m.split(" ")[0])}


def documented(page):
    interface, found = None, set()
    for line in open(page, encoding="utf-8").read().replace("\\\n", "").replace("\\-", "-").replace("\\(->", "->").split("\n"):
        if line.startswith(".SH "):
            interface = SECTIONS.get(line[4:])
        if not interface or not line.startswith(".BR "):
            continue
        method = re.fullmatch(r'\.BR (\w+) "(\(.*?)(?:  \[.*\])?"', line)
        if method:
            found.add((interface, method[1] + method[2]))
        elif re.match(r'\.BR \w+ " \(', line):
            found |= {(interface, f"{n} ({t})") for n, t in re.findall(r'(\w+) " \(((?:[^()]|\([^()]*\))*)\)', line)}
    return found


def main():
    berthd, berthctl, page = sys.argv[1:]
    table = subprocess.run([berthctl, "settings", "--json"], check=True, capture_output=True, text=True).stdout
    bus, manual = actual(berthd, {row["Name"] for row in json.loads(table)}), documented(page)
    for interface, member in sorted(bus - manual):
        print(f"{page} lacks {interface}: {member}")
    for interface, member in sorted(manual - bus):
        print(f"{page} has what is not there, {interface}: {member}")
    print(f"{len(bus)} members")
    return 1 if bus != manual or not bus else 0


sys.exit(main())
