"""The application that `serving.py` serves: made before the workers are forked, as `--preload` does."""

from __future__ import annotations

import os
from threading import Event
from typing import Any

from flask import Flask, request

from seatguard_flask import Seatguard

app = Flask("shop")
app.config["SEATGUARD_STORAGE_URI"] = os.environ["STORAGE"]
seats = Seatguard(app)
seats.plan("team", seats=100)
seats.project("acme", plan="team")
# Asked here so that the parent has used its connections before it forks.
seats.check("acme")


@app.post("/users")
@seats.consume(project="acme", subject="username")
def create_user() -> Any:
    if request.json["username"].endswith("7"):
        raise RuntimeError("this user cannot be made")
    return {"pid": os.getpid()}, 201


@app.post("/slow")
@seats.consume(project="acme", subject="username")
def create_user_too_slowly() -> Any:
    Event().wait(60)
    return {}, 201
