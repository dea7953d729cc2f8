"""Registration by Flask-Security-Too, three users at most. Start it with `flask run`, then open /register."""

import os
import secrets
from pathlib import Path

from flask import Flask
from flask_security import (
    RoleMixin,
    Security,
    SQLAlchemyUserDatastore,
    UserMixin,
    auth_required,
    current_user,
)
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from seatguard_flask import Seatguard


class Base(DeclarativeBase):
    """Base of the models."""


app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or secrets.token_hex()
app.config["SECURITY_PASSWORD_SALT"] = os.environ.get("SECURITY_PASSWORD_SALT", "only to try it")
app.config["SECURITY_PASSWORD_HASH"] = "pbkdf2_sha512"  # argon2, the default, needs argon2-cffi
app.config["SECURITY_REGISTERABLE"] = True
app.config["SECURITY_SEND_REGISTER_EMAIL"] = False
app.config["SECURITY_CHANGEABLE"] = True  # members change their passwords
app.config["SECURITY_SEND_PASSWORD_CHANGE_EMAIL"] = False
app.config["SECURITY_EMAIL_VALIDATOR_ARGS"] = {"check_deliverability": False}
# One database for users and seats: then they commit together.
database = f"sqlite:///{Path('security.db').absolute()}"
app.config["SQLALCHEMY_DATABASE_URI"] = app.config["SEATGUARD_STORAGE_URI"] = database

db = SQLAlchemy(app, model_class=Base)
seats = Seatguard(app)


class Role(RoleMixin, db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


db.Table(
    "user_role",
    db.Column("user_id", db.ForeignKey("user.id"), primary_key=True),
    db.Column("role_id", db.ForeignKey("role.id"), primary_key=True),
)


class User(UserMixin, db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]
    active: Mapped[bool]
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    roles: Mapped[list[Role]] = relationship(secondary="user_role")


seats.project("acme", limit=3)
seats.guard(User, project="acme", subject="id", counts="active")

security = Security(app, SQLAlchemyUserDatastore(db, User, Role))

with app.app_context():
    db.create_all()


@app.get("/")
@auth_required()
def home():
    return {"email": current_user.email}
