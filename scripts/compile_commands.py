#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The compilation database for editors and analysers: compile_commands.py COMMAND SOURCE..."""
import json
import os
import shlex
import sys

command = shlex.split(sys.argv[1])
database = [{"directory": os.getcwd(), "file": source, "arguments": [*command, "-c", source]} for source in sys.argv[2:]]
json.dump(database, sys.stdout, indent=1)
print()
