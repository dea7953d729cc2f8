"""Calls of the API in four languages, with the key as a variable of the environment only."""

from __future__ import annotations

import json
from dataclasses import dataclass

from flask import request

from seatguard_admin.desk import Desk


@dataclass(frozen=True, slots=True)
class Snippet:
    """One call in one language."""

    id: str
    call: str
    language: str
    code: str


def snippets(
    desk: Desk, domain: str, type: str | None = None, *, call: str = "validate-subscription"
) -> list[Snippet]:
    """The same call in curl, Python, JavaScript and PHP.

    Args:
        domain: a registered domain of the project.
        type: the service's type, to be named where a project has several services.
    """
    base = f"{request.host_url.rstrip('/')}{request.script_root}"
    url = f"{base}{desk.mounted.seatguard.settings.url_prefix}/{call}"
    fields = {"domain": domain}
    if type is not None:
        fields["service_type"] = type
    if call == "register-user":
        fields |= {"username": "john_doe", "email": "john@example.com"}
    made = {
        "curl": _curl(url, fields),
        "Python": _python(url, fields),
        "JavaScript": _javascript(url, fields),
        "PHP": _php(url, fields),
    }
    return [Snippet(f"sg-{call}-{name.lower()}", call, name, code) for name, code in made.items()]


def _curl(url: str, fields: dict[str, str]) -> str:
    body = json.dumps(fields, indent=2, ensure_ascii=False).replace("'", "'\\''")
    return (
        f"curl -X POST {url} \\\n"
        '  -H "X-API-Key: $SEATGUARD_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{body}'"
    )


def _python(url: str, fields: dict[str, str]) -> str:
    members = "\n".join(f"        {name!r}: {value!r}," for name, value in fields.items()).replace("'", '"')
    return (
        "import os\n\nimport requests\n\n"
        "answer = requests.post(\n"
        f'    "{url}",\n'
        '    headers={"X-API-Key": os.environ["SEATGUARD_KEY"]},\n'
        "    json={\n"
        f"{members}\n"
        "    },\n"
        "    timeout=3,\n"
        ")\n"
        'print(answer.status_code, answer.json()["message"])'
    )


def _javascript(url: str, fields: dict[str, str]) -> str:
    members = "\n".join(
        f"    {name}: {json.dumps(value, ensure_ascii=False)}," for name, value in fields.items()
    )
    return (
        f'const answer = await fetch("{url}", {{\n'
        '  method: "POST",\n'
        "  headers: {\n"
        '    "Content-Type": "application/json",\n'
        '    "X-API-Key": process.env.SEATGUARD_KEY,\n'
        "  },\n"
        "  body: JSON.stringify({\n"
        f"{members}\n"
        "  }),\n"
        "});\n"
        "console.log(answer.status, (await answer.json()).message);"
    )


def _php(url: str, fields: dict[str, str]) -> str:
    members = "\n".join(f"        {_quoted(name)} => {_quoted(value)}," for name, value in fields.items())
    return (
        "<?php\n"
        f"$call = curl_init({_quoted(url)});\n"
        "curl_setopt_array($call, [\n"
        "    CURLOPT_POST => true,\n"
        "    CURLOPT_RETURNTRANSFER => true,\n"
        "    CURLOPT_TIMEOUT => 3,\n"
        "    CURLOPT_HTTPHEADER => [\n"
        "        'Content-Type: application/json',\n"
        "        'X-API-Key: ' . getenv('SEATGUARD_KEY'),\n"
        "    ],\n"
        "    CURLOPT_POSTFIELDS => json_encode([\n"
        f"{members}\n"
        "    ]),\n"
        "]);\n"
        "$answer = json_decode(curl_exec($call), true);\n"
        "echo $answer['message'];"
    )


def _quoted(text: str) -> str:
    """A PHP string without anything in it that PHP would read."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
