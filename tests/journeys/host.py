"""One application host: registers users as fast as it is answered, and tells how each request went.

python -m tests.journeys.host STORE KEY DOMAIN NAME
"""

from __future__ import annotations

import itertools
import json
import sys
import time

from flask import Flask

from seatguard_flask import Seatguard


def main(store: str, key: str, domain: str, name: str) -> None:
    """Until the pipe is closed."""
    app = Flask("host")
    app.config["SEATGUARD_STORAGE_URI"] = store
    Seatguard(app)
    app.add_url_rule("/own", "own", lambda: "the host's own")
    client = app.test_client()
    for number in itertools.count():
        user, began = f"{name}-{number}", time.monotonic()
        answer = client.post(
            "/api/v1/register-user", json={"api_key": key, "domain": domain, "username": user}
        )
        ended = time.monotonic()
        own = client.get("/own").status_code
        told = {
            "user": user,
            "status": answer.status_code,
            "at": ended,
            "took": ended - began,
            "own": own,
            "own_took": time.monotonic() - ended,
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
