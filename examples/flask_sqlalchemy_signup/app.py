"""Sign-up, an admin's page and an import: three doors, five seats, one guard. Start it with `flask run`."""

import csv
import os
import secrets
from pathlib import Path

import click
from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from seatguard import Denied
from seatguard_flask import Seatguard


class Base(DeclarativeBase):
    """Base of the models."""


app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or secrets.token_hex()
app.config["SESSION_COOKIE_SAMESITE"] = "Lax"  # other sites cannot post a form in a member's name
# One database for users and seats: then they commit together.
database = f"sqlite:///{Path('signup.db').absolute()}"
app.config["SQLALCHEMY_DATABASE_URI"] = app.config["SEATGUARD_STORAGE_URI"] = database
# SQLite has one writer at a time; in a crowd let the others wait longer than its five seconds.
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"connect_args": {"timeout": 30}}

db = SQLAlchemy(app, model_class=Base)
login = LoginManager(app)
login.login_view = "log_in"
seats = Seatguard(app)


class User(UserMixin, db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]
    is_admin: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)


seats.project("acme", limit=5)
seats.guard(User, project="acme", subject="id", counts="is_active")

with app.app_context():
    db.create_all()


def new_user(name: str, password: str, *, is_admin: bool = False) -> User:
    user = User(name=name.strip(), password=generate_password_hash(password), is_admin=is_admin)
    db.session.add(user)
    return user


def explain(denied: Denied) -> str:
    if denied.decision.reason == "limit_reached":
        return (
            f"All {denied.decision.facts.terms.limit} seats are taken. Remove a user, or ask for more seats."
        )
    return f"There is no seat for a new user now ({denied.decision.reason})."


@app.errorhandler(Denied)
def no_seat(denied: Denied):
    db.session.rollback()
    return render_template("no_seat.html", message=explain(denied)), 402


@app.errorhandler(IntegrityError)
def name_taken(_error: IntegrityError):
    db.session.rollback()
    flash("This name is taken.")
    return redirect(request.url)


@login.user_loader
def load_user(user_id: str) -> User | None:
    return db.session.get(User, int(user_id))


def for_admins() -> None:
    if not current_user.is_admin:
        abort(403)


@app.get("/")
@login_required
def home():
    return render_template("home.html", users=db.session.scalars(select(User).order_by(User.id)))


@app.route("/sign-up", methods=["GET", "POST"])
def sign_up():
    if request.method == "GET":
        return render_template("form.html", title="Sign up")
    user = new_user(request.form["name"], request.form["password"])
    db.session.commit()
    login_user(user)
    return redirect(url_for("home"))


@app.route("/log-in", methods=["GET", "POST"])
def log_in():
    if request.method == "POST":
        user = db.session.scalar(select(User).where(User.name == request.form["name"].strip()))
        if user and check_password_hash(user.password, request.form["password"]) and login_user(user):
            return redirect(url_for("home"))
        flash("Name or password is wrong, or the user is switched off.")
    return render_template("form.html", title="Log in")


@app.post("/log-out")
def log_out():
    logout_user()
    return redirect(url_for("log_in"))


@app.route("/users/new", methods=["GET", "POST"])
@login_required
def create_user():
    for_admins()
    if request.method == "GET":
        return render_template("form.html", title="New user")
    new_user(request.form["name"], request.form["password"])
    db.session.commit()
    return redirect(url_for("home"))


@app.post("/users/<int:user_id>/<any(on, off, delete):action>")
@login_required
def change_user(user_id: int, action: str):
    for_admins()
    user = db.get_or_404(User, user_id)
    if action == "delete":
        db.session.delete(user)
    else:
        user.is_active = action == "on"
    db.session.commit()
    return redirect(url_for("home"))


@app.cli.command("import-users")
@click.argument("file", type=click.File())
@click.option("--admin", "is_admin", is_flag=True, help="They are admins.")
def import_users(file, is_admin: bool) -> None:
    """Create a user for each line of a CSV file with the columns name and password: all of them, or none."""
    users = [new_user(row["name"], row["password"], is_admin=is_admin) for row in csv.DictReader(file)]
    try:
        db.session.commit()
    except Denied as denied:
        raise click.ClickException(explain(denied)) from denied
    except IntegrityError as error:
        raise click.ClickException("A name is taken.") from error
    click.echo(f"{len(users)} users were created.")
