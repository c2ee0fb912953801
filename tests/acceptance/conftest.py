# SPDX-License-Identifier: MIT
"""The servers, the daemon and the loaded fixture are those of the integration tests."""
import importlib.util
import os
import sys

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration")
sys.path.insert(0, FOLDER)

_spec = importlib.util.spec_from_file_location("integration_conftest",
                                               os.path.join(FOLDER, "conftest.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

for _name in ("Db", "postgresql", "mariadb", "sqlite", "server", "copies", "db", "client",
              "make_db", "fresh_db"):
    globals()[_name] = getattr(_module, _name)
