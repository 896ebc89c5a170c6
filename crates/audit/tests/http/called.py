"""The lesson's careless server, at an address.

    python called.py FILE PORT PROJECT DATABASE [sse]
"""

import importlib.util
import sys

file, port = sys.argv[1], int(sys.argv[2])
sys.argv, transport = [file, *sys.argv[3:5]], sys.argv[5:] or ["streamable-http"]
spec = importlib.util.spec_from_file_location("careless", file)
careless = importlib.util.module_from_spec(spec)
spec.loader.exec_module(careless)
careless.server.settings.port = port
careless.server.run(transport=transport[0])
