"""Settings: read once, strictly; every wrong one is named with what to write instead."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest
from flask import Flask

from seatguard.errors import Misconfigured
from seatguard_flask import Seatguard, Settings, extension


def read(**config: Any) -> Settings:
    return Settings.from_config({f"SEATGUARD_{name}": value for name, value in config.items()})


def test_the_defaults() -> None:
    """What holds when nothing is said."""
    assert dataclasses.asdict(Settings()) == {
        "storage_uri": None,
        "gate_uri": None,
        "url_prefix": "/api/v1",
        "api_enabled": True,
        "validate_max_age": 1.0,
        "validate_first": False,
        "fold_case": True,
        "key_pepper": None,
        "journal_key": None,
        "hold_ttl": 60,
        "offer_ttl": None,
        "missing_service": 404,
        "form_bodies": False,
        "auth_failures_per_minute": 60,
        "jwt_issuer": None,
        "jwt_audience": None,
        "jwt_algorithms": None,
        "jwt_key": None,
        "jwt_tenant_claim": None,
        "enabled": True,
        "dry_run": False,
        "on_storage_error": "deny",
        "limit_status": 402,
        "upgrade_url": None,
        "expose_usage": False,
    }


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [
        ("STORAGE_URI", "memory:", "memory:"),
        ("URL_PREFIX", "/seats/v2", "/seats/v2"),
        ("API_ENABLED", "False", False),
        ("API_ENABLED", "off", False),
        ("API_ENABLED", 0, False),
        ("FORM_BODIES", "TRUE", True),
        ("FORM_BODIES", "1", True),
        ("FOLD_CASE", " no ", False),
        ("VALIDATE_MAX_AGE", "0.5", 0.5),
        ("VALIDATE_MAX_AGE", 0, 0.0),
        ("KEY_PEPPER", "pepper", b"pepper"),
        ("JOURNAL_KEY", b"\x00\xff", b"\x00\xff"),
        ("JOURNAL_KEY", None, None),
        ("HOLD_TTL", "300", 300),
        ("OFFER_TTL", None, None),
        ("OFFER_TTL", "86400", 86_400),
        ("MISSING_SERVICE", "403", 403),
        ("MISSING_SERVICE", 404, 404),
        ("AUTH_FAILURES_PER_MINUTE", "0", 0),
    ],
)
def test_a_value_is_read(key: str, value: Any, meant: Any) -> None:
    """Text from the environment means what it says: "False" is no."""
    got = getattr(read(**{key: value}), key.lower())
    assert got == meant
    assert type(got) is type(meant)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("STORAGE_URI", ""),
        ("STORAGE_URI", 7),
        ("URL_PREFIX", "api"),
        ("URL_PREFIX", "/api/"),
        ("URL_PREFIX", "/<x>"),
        ("URL_PREFIX", ""),
        ("URL_PREFIX", None),
        ("API_ENABLED", "maybe"),
        ("API_ENABLED", ""),
        ("API_ENABLED", None),
        ("API_ENABLED", 2),
        ("FOLD_CASE", []),
        ("VALIDATE_MAX_AGE", -1),
        ("VALIDATE_MAX_AGE", "nan"),
        ("VALIDATE_MAX_AGE", "inf"),
        ("VALIDATE_MAX_AGE", 61),
        ("VALIDATE_MAX_AGE", True),
        ("VALIDATE_MAX_AGE", "soon"),
        ("KEY_PEPPER", ""),
        ("KEY_PEPPER", 5),
        ("HOLD_TTL", 0),
        ("OFFER_TTL", 0),
        ("HOLD_TTL", 1.5),
        ("HOLD_TTL", True),
        ("HOLD_TTL", "1e3"),
        ("HOLD_TTL", 366 * 86_400 + 1),
        ("MISSING_SERVICE", "500"),
        ("MISSING_SERVICE", True),
        ("AUTH_FAILURES_PER_MINUTE", -1),
    ],
)
def test_a_value_that_cannot_be_used(key: str, value: Any) -> None:
    """The message names the key."""
    with pytest.raises(Misconfigured, match=f"SEATGUARD_{key} "):
        read(**{key: value})


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("SEATGUARD_STORAGE_URL", "did you mean SEATGUARD_STORAGE_URI?"),
        ("SEATGUARD_PREFIX", "did you mean SEATGUARD_URL_PREFIX?"),
        ("SEATGUARD_HOLD_TLL", "did you mean SEATGUARD_HOLD_TTL?"),
        ("SEATGUARD_ZZZ", "there are SEATGUARD_STORAGE_URI,"),
    ],
)
def test_an_unknown_key(key: str, says: str) -> None:
    """A typing error is no silent default."""
    with pytest.raises(Misconfigured, match=f"unknown setting {key}: ") as caught:
        Settings.from_config({key: 1})
    assert says in str(caught.value)


def test_other_keys_are_not_ours() -> None:
    """The host's configuration is its own."""
    assert Settings.from_config({"SECRET_KEY": "x", "SEATS": 1, "MY_SEATGUARD_X": 1}) == Settings()


def test_gate_of_its_own_is_redis_or_valkey() -> None:
    """Another scheme is told which there are; the storage's own URI is no gate of its own."""
    for uri in ("memory:", "redis://localhost", "valkeys://h:1", "redis+cluster://h:7000"):
        assert read(STORAGE_URI="memory:", GATE_URI=uri).gate_uri == uri
    with pytest.raises(Misconfigured, match="is no gate of its own: use one of redis://"):
        read(STORAGE_URI="memory:", GATE_URI="sqlite:///seats.db")


def test_secrets_are_not_shown() -> None:
    """Neither in the repr, nor in the message about a value of a wrong kind."""
    settings = read(STORAGE_URI="postgresql://u:hunter2@db/x", KEY_PEPPER="hunter2", JOURNAL_KEY=b"hunter2")
    assert "hunter2" not in repr(settings)
    assert settings.storage_kind() == "postgresql"


def test_settings_do_not_change() -> None:
    """They are read once."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().hold_ttl = 5  # type: ignore[misc]


def test_every_setting_tells_what_it_is_for() -> None:
    """The reference is made from this."""
    assert all(field.metadata["about"] for field in dataclasses.fields(Settings))


def test_a_storage_must_be_named_in_production() -> None:
    """The message is the line to paste."""
    with pytest.raises(Misconfigured, match=r'app.config\["SEATGUARD_STORAGE_URI"\] = "sqlite:///'):
        Seatguard(Flask("shop"))


def test_development_may_begin_in_memory_and_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One warning a process, with the line to paste; none in tests."""
    monkeypatch.setattr(extension, "_warned", set())
    with caplog.at_level(logging.DEBUG):
        for debug, testing in ((False, True), (True, False), (True, False)):
            app = Flask("shop")
            app.config.update(DEBUG=debug, TESTING=testing)
            assert Seatguard(app).engine.durability()
    (record,) = caplog.records
    assert 'app.config["SEATGUARD_STORAGE_URI"] = "sqlite:///seatguard.db"' in record.getMessage()


def test_the_settings_reach_the_engine() -> None:
    """What the core must know, it is told."""
    options = read(VALIDATE_MAX_AGE=0, FOLD_CASE=False, KEY_PEPPER="p", JOURNAL_KEY="j").engine_options()
    assert (options.max_age, options.fold_case, options.pepper, options.journal_key) == (
        0.0,
        False,
        b"p",
        b"j",
    )
