"""Customers with a number of users each; the host name of a request tells whose it is. `flask run`."""

from pathlib import Path

import click
from flask import Flask, abort, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from seatguard import Denied
from seatguard_flask import Seatguard


class Base(DeclarativeBase):
    """Base of the models."""


app = Flask(__name__)
# One database for users and seats: then they commit together.
database = f"sqlite:///{Path('saas.db').absolute()}"
app.config["SQLALCHEMY_DATABASE_URI"] = app.config["SEATGUARD_STORAGE_URI"] = database

db = SQLAlchemy(app, model_class=Base)
seats = Seatguard(app)


class Customer(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    project: Mapped[str] = mapped_column(unique=True)


class User(db.Model):
    __table_args__ = (UniqueConstraint("customer_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey(Customer.id))
    name: Mapped[str]


def project_of(user: User) -> str:
    return db.session.get_one(Customer, user.customer_id).project


seats.guard(User, project=project_of, subject="id")

with app.app_context():
    db.create_all()


@app.cli.command("add-customer")
@click.argument("name")
@click.argument("host")
@click.option("--seats", "limit", type=int, required=True)
def add_customer(name: str, host: str, limit: int) -> None:
    """A customer, or another host or number of seats for one who is there."""
    project = seats.project(name, limit=limit, domains=[host])
    if db.session.scalar(select(Customer).where(Customer.project == project.id)) is None:
        db.session.add(Customer(name=name, project=project.id))
        db.session.commit()
    click.echo(f"{name} at {host}: {limit} seats.")


def customer() -> Customer:
    """Whose host name the request was sent to."""
    projects = seats.engine.projects.at_host(seats.actor, request.host.partition(":")[0])
    found = db.session.scalar(select(Customer).where(Customer.project.in_(projects)))
    return found or abort(404, "No customer has this host name.")


@app.get("/users")
def list_users():
    usage = seats.check(customer().project).facts
    names = db.session.scalars(select(User.name).where(User.customer_id == customer().id).order_by(User.id))
    return {"users": list(names), "taken": usage.usage.live, "limit": usage.terms.limit}


@app.post("/users")
def create_user():
    db.session.add(User(name=request.json["name"], customer_id=customer().id))
    db.session.commit()
    return {"name": request.json["name"]}, 201


@app.delete("/users/<name>")
def delete_user(name: str):
    db.session.delete(db.first_or_404(select(User).filter_by(name=name, customer_id=customer().id)))
    db.session.commit()
    return "", 204


@app.errorhandler(Denied)
def no_seat(denied: Denied):
    db.session.rollback()
    return {"error": denied.decision.reason, "limit": denied.decision.facts.terms.limit}, 402


@app.errorhandler(IntegrityError)
def name_taken(_error: IntegrityError):
    db.session.rollback()
    return {"error": "name_taken"}, 409
