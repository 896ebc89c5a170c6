"""The lesson's careless server, at an address.

    python called.py FILE PORT PROJECT DATABASE
"""

import importlib.util
import sys

file, port = sys.argv[1], int(sys.argv[2])
sys.argv = [file, *sys.argv[3:]]
spec = importlib.util.spec_from_file_location("careless", file)
careless = importlib.util.module_from_spec(spec)
spec.loader.exec_module(careless)
careless.server.settings.port = port
careless.server.run(transport="streamable-http")
