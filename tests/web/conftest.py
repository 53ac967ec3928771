# SPDX-License-Identifier: BSD-2-Clause
"""The hosts of the end-to-end tests, and in one of them a real browser."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

# pylint: disable=wrong-import-position
from hosts import able, monitor, monitor_of, pair, place  # noqa: E402,F401: fixtures are found by their names here
from browser import browser  # noqa: E402,F401
