"""The admin pages: mounted by one line into any Flask app.

>>> from flask import Flask
>>> from seatguard_flask import Seatguard
>>> app = Flask("shop")
>>> app.config["SECRET_KEY"] = "0123456789abcdef0123456789abcdef"
>>> app.config["SEATGUARD_STORAGE_URI"] = "memory:"
>>> seats = Seatguard(app)
>>> _ = SeatguardAdmin(app, seatguard=seats, authorizer=SignIn())
>>> app.test_client().get("/seatguard/").status_code
303
"""

from seatguard_admin.blueprint import SeatguardAdmin
from seatguard_admin.identity import Authorizer, Callback, FlaskLogin, FlaskSecurity, Identity, SignIn

__all__ = ["Authorizer", "Callback", "FlaskLogin", "FlaskSecurity", "Identity", "SeatguardAdmin", "SignIn"]
