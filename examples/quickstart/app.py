"""A Flask application that refuses its 101st user. Start it with `flask run`."""

from flask import Flask, request

from seatguard_flask import Seatguard

app = Flask(__name__)
app.config["SEATGUARD_STORAGE_URI"] = "sqlite:///seats.db"
seats = Seatguard(app)
seats.plan("team", seats=100)
seats.project("acme", plan="team")


@app.post("/users")
@seats.consume(project="acme", subject="username")
def create_user():
    return {"username": request.json["username"]}, 201
