#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes a file as a C array: embed.py NAME FILE. So the program serves its page without a file to look for."""
import sys

WIDTH = 16

name, path = sys.argv[1:]
with open(path, "rb") as file:
    content = file.read()
print(f"/* {path}, embedded. */")
print(f"static const unsigned char {name}[] = {{")
for start in range(0, len(content), WIDTH):
    print("\t" + " ".join(f"0x{byte:02x}," for byte in content[start:start + WIDTH]))
print("};")
print(f"static const unsigned int {name}_len = {len(content)};")
