"""Ask Seatguard over HTTP before and after creating a user.

    python client.py http://127.0.0.1:8000 yourdomain.com john_doe [john@example.com]

The API key is read from SEATGUARD_API_KEY: arguments are seen by everybody on the machine.
Ends with 0 when the user has a seat, 1 when there is none to give, 2 when nobody could tell.
"""

import os
import sys
import time
import uuid

import requests

SECONDS = 5
ATTEMPTS = 4


class Unavailable(Exception):
    """Nobody could tell. Not a yes and not a no: decide yourself what to do then."""


class Seats:
    """The routes a service needs, with retries that cannot take a second seat."""

    def __init__(self, url: str, api_key: str, domain: str) -> None:
        self._url = url.rstrip("/")
        self._credentials = {"api_key": api_key, "domain": domain}
        self._session = requests.Session()

    def may_create_user(self) -> dict:
        """Advice, to show or hide a button. Only `register` decides."""
        return self._post("validate-subscription")

    def register(self, username: str, email: str | None = None) -> dict:
        """Take a seat for a user; a user who has one keeps it."""
        return self._post("register-user", username=username, email=email)

    def deactivate(self, username: str) -> dict:
        """Free the user's seat; a user without one is no error."""
        return self._post("deactivate-user", username=username)

    def _post(self, route: str, **fields: str | None) -> dict:
        # One key for all attempts: whichever of them arrived, the answer is that of the first.
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        last = "no attempt was made"
        for attempt in range(ATTEMPTS):
            wait = 0.2 * 2**attempt
            try:
                response = self._session.post(
                    f"{self._url}/api/v1/{route}",
                    json={**self._credentials, **fields},
                    headers=headers,
                    timeout=SECONDS,
                )
            except (requests.ConnectionError, requests.Timeout) as error:
                last = str(error)
            else:
                body = response.json()
                if response.status_code in (200, 403):
                    return body
                # 503: the store is away. 409: the first attempt still runs. 429: too many attempts.
                if response.status_code not in (409, 429, 503):
                    raise Unavailable(f"{response.status_code} {body['code']}: {body['message']}")
                last = f"{response.status_code} {body['code']}"
                wait = float(response.headers.get("Retry-After", wait))
            if attempt + 1 < ATTEMPTS:
                time.sleep(wait)
        raise Unavailable(last)


def main() -> int:
    url, domain, username, *email = sys.argv[1:]
    seats = Seats(url, os.environ["SEATGUARD_API_KEY"], domain)
    try:
        advice = seats.may_create_user()
        print(advice["message"], advice["data"])
        # The application creates its user here, then takes the seat; if there is none, it undoes that.
        answer = seats.register(username, *email)
    except Unavailable as error:
        print(f"nobody could tell: {error}", file=sys.stderr)
        return 2
    print(answer["message"], answer["data"])
    return 0 if answer["status"] == "success" else 1


if __name__ == "__main__":
    sys.exit(main())
