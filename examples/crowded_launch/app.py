"""A launch on which everybody claims at once: seats on Redis or Valkey, agreements in a database."""

import os

from flask import Flask, request

from seatguard.worker import Worker
from seatguard_flask import Seatguard

app = Flask(__name__)
app.config["SEATGUARD_STORAGE_URI"] = os.environ.get("SEATGUARD_STORAGE_URI", "sqlite:///seats.db")
app.config["SEATGUARD_GATE_URI"] = os.environ.get("SEATGUARD_GATE_URI", "redis://127.0.0.1:6379/0")
seats = Seatguard(app)
seats.plan("launch", seats=1000)
seats.project("launch", plan="launch")


@app.post("/places")
@seats.consume(project="launch", subject="username")
def claim():
    return {"username": request.json["username"]}, 201


@app.cli.command("relay")
def relay():
    """Bring what waits at the gate into the ledger, as `seatguard work` does all the time."""
    done = Worker(seats.engine).once()
    print(f"{done['relay']} entries")
