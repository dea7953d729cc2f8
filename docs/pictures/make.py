"""Makes the pictures of admin.md from the demo's data; needs chromium and playwright."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

sys.path.insert(0, str(Path(__file__).parents[2]))

from seatguard_admin import Identity, SeatguardAdmin
from seatguard_flask import Seatguard
from seatguard_flask.cli import sample

HERE = Path(__file__).parent
PICTURES = {
    "dashboard": ("/", "light", 1200, 760),
    "dashboard-dark": ("/", "dark", 1200, 760),
    "services": ("/services", "light", 1200, 560),
    "services-phone": ("/services", "light", 390, 760),
    "plan": ("/plans/team", "light", 1200, 640),
    "activity": ("/activity", "light", 1200, 560),
}


def main() -> None:
    """Serve the demo's data and take one picture after the other."""
    from flask import Flask

    app = Flask("demo")
    app.config["SECRET_KEY"] = "only for pictures 0123456789 abcdef"
    app.config["SEATGUARD_STORAGE_URI"] = "memory:"
    app.config["SEATGUARD_JOURNAL_KEY"] = "only for pictures 0123456789 abcdef"
    seats = Seatguard(app)
    SeatguardAdmin(app, seatguard=seats, authorizer=lambda _: Identity(name="ada", role="owner"))
    with app.app_context(), tempfile.TemporaryDirectory() as folder:
        sample.prepare(seats.engine, seats.engine.actor("cli", "demo"), Path(folder) / "api-key")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (path, scheme, width, height) in PICTURES.items():
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/seatguard{path}")
            page.screenshot(path=HERE / f"{name}.png")
            context.close()
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
