"""A server that speaks S3's protocol, on a free port, which it prints. It keeps what it is given for as long as it runs.

It takes unsigned requests too and looks at no signature, and it refuses what S3 refuses: parts that are too small, buckets
and uploads that are not there.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class Handler(MotoRequestHandler):
    def log_request(self, *arguments):
        """Says nothing of each request."""


server = make_server("127.0.0.1", 0, create_backend_app("s3"), threaded=True, request_handler=Handler)
print(server.port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
# It ends with whoever started it, however that ends.
sys.stdin.read()
os._exit(0)
