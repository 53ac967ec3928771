#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds the sources against the two tables of docs/architecture.md: who may include whom, and whose library is whose.

The tables are read from the document itself, so what it says and what is checked cannot differ. A directory that has no
row is a violation, and so is a permission by name for a header that does not exist. Files over 400 lines are listed as
warnings: they may have taken on a second job.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
ROOT = ROOT if ROOT.is_dir() else ROOT.parent.parent
DOCUMENT = "docs/architecture.md"
LINES_MAX = 400
GENERATED = {"flowgauge.skel.h": "kernel", "flowgauge_vlan.skel.h": "kernel", "web_index.h": "export"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)


def table(heading):
    """The rows of the first table under a heading, as lists of cells without backticks, the head row first."""
    text = (ROOT / DOCUMENT).read_text().split(f"## {heading}\n", 1)[1]
    rows = [line for line in text.split("\n## ", 1)[0].splitlines() if line.startswith("|")]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows if "---" not in row]


def permissions():
    """{layer: {layer: set of header names, or None for all of them}}"""
    head, *rows = table("Who may include whom")
    allowed = {}
    for layer, *cells in rows:
        names = {other.rstrip("/"): cell for other, cell in zip(head[1:], cells) if cell != "–"}
        allowed[layer.rstrip("/")] = {other: None if cell == "✓" else set(re.split(r",\s*", cell))
                                      for other, cell in names.items()}
    return allowed


def layer_of(path):
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "user" else parts[0]


def resolve(path, name):
    """Which layer and header an include names, or (None, name) if it is not one of ours."""
    if name in GENERATED:
        return GENERATED[name], name
    for place in (path.parent, ROOT / "include", ROOT / "user"):
        if (place / name).is_file():
            header = (place / name).resolve()
            return layer_of(header), header.name
    return None, name


def violations(path, allowed, libraries):
    layer = layer_of(path)
    if layer != "include" and layer not in allowed:
        yield f"{layer}/ has no row in {DOCUMENT}"
        return
    mine = {} if layer == "include" else allowed[layer]
    for bracket, name in INCLUDE.findall(path.read_text()):
        other, header = resolve(path, name)
        if other is None and bracket == "<":
            for prefix, layers in libraries.items():
                if name.startswith(prefix) and layer not in layers:
                    yield f"<{name}> belongs to {', '.join(sorted(layers))}, not to {layer}"
        elif other is None:
            yield f'"{name}" is not among the sources'
        elif other != layer and (other not in mine or mine[other] is not None and header not in mine[other]):
            yield f'{layer} may not include "{name}" of {other}'


def main():
    allowed = permissions()
    libraries = {prefix: set(re.split(r",\s*", layers)) for prefix, layers in table("Whose library is whose")[1:]}
    sources = [path for top in ("include", "bpf", "user") for path in sorted((ROOT / top).rglob("*.[ch]"))]
    wrong = 0
    for layer, others in allowed.items():
        for other, headers in others.items():
            place = ROOT / (other if other in ("include", "bpf") else f"user/{other}")
            for header in sorted(headers or ()):
                if not (place / header).is_file():
                    print(f"{DOCUMENT}: {layer} may include {header}, which is not in {other}", file=sys.stderr)
                    wrong += 1
    for path in sources:
        for what in violations(path, allowed, libraries):
            print(f"{path.relative_to(ROOT)}: {what}", file=sys.stderr)
            wrong += 1
    for path in sources:
        lines = path.read_text().count("\n")
        if lines > LINES_MAX:
            print(f"warning: {path.relative_to(ROOT)}: {lines} lines, over {LINES_MAX}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
