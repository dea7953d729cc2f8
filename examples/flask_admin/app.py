"""Users in Flask-Admin, three of them at most. Start it with `flask run`, then open /admin/user/."""

import os
import secrets
from pathlib import Path

from flask import Flask, flash
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from seatguard import Denied
from seatguard_flask import Seatguard


class Base(DeclarativeBase):
    """Base of the models."""


app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or secrets.token_hex()
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"  # other sites cannot post a form in the admin's name
# One database for users and seats: then they commit together.
database = f"sqlite:///{Path('admin.db').absolute()}"
app.config["SQLALCHEMY_DATABASE_URI"] = app.config["SEATGUARD_STORAGE_URI"] = database

db = SQLAlchemy(app, model_class=Base)
seats = Seatguard(app)


class User(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    is_active: Mapped[bool] = mapped_column(default=True)


seats.project("acme", limit=3)
seats.guard(User, project="acme", subject="id", counts="is_active")

with app.app_context():
    db.create_all()


class UserView(ModelView):
    column_editable_list = ("is_active",)

    def handle_view_exception(self, exc: Exception) -> bool:
        """Show a refusal above the form, which keeps what was typed. Flask-Admin rolls back."""
        if isinstance(exc, Denied):
            flash("All seats are taken. Delete a user or switch one off first.", "error")
            return True
        return super().handle_view_exception(exc)


admin = Admin(app, name="Acme")
admin.add_view(UserView(User, db))
