"""A transcription service whose users are on plans; an operator manages them over HTTP."""

import secrets

from flask import Flask, session

from seatguard_flask import Seatguard

app = Flask(__name__)
app.config.update(SEATGUARD_STORAGE_URI="sqlite:///seats.db", SECRET_KEY=secrets.token_hex())
seats = Seatguard(app)
seats.project("acme", limit=100)


@seats.holder_loader
def signed_in():
    return session.get("user")


sessions = seats.session_guard("speech.maxConcurrentSessions", user=signed_in, project="acme")
app.before_request(sessions.admit)


@app.post("/signin/<user>")
def sign_in(user):
    session["user"] = user  # a real one asks for a password
    sessions.admit()
    return {"user": user}


@app.post("/signout")
def sign_out():
    sessions.end()
    session.clear()
    return "", 204


@app.get("/files")
@seats.permission_required("speech:files:read", project="acme", subject=signed_in)
def files():
    return {"files": []}


@app.post("/exports")
@seats.require("exports", project="acme", subject=signed_in)
def export():
    return {"exported": True}, 201
