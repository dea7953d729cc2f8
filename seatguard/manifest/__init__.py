"""Plans, clients, projects, services and users as a file: read, applied, exported.

Words
    *manifest*: what a store should hold, as one value. *path*: where something stands in the file,
    ``clients[0].projects[1].domains[2]``. *change*: something applied (or, in a dry run, that would
    be). *refusal*: something the engine said no to, or has no verb for; the rest goes on. *kept*:
    something in the store that the file does not name; it is reported and never removed.

Invariants
    Applying twice changes nothing the second time and writes no journal entry. What the file leaves
    out stays as it is; what is new gets the default. Nothing is ever removed. Every change goes
    through the engine's services, so rules and journal hold as for any other caller. Secrets are in
    a report once, when they are made, and never in a manifest.
"""

from seatguard.manifest.applying import apply
from seatguard.manifest.exporting import export
from seatguard.manifest.model import ClientSpec, Manifest, PlanSpec, ProjectSpec, ServiceSpec, UserSpec
from seatguard.manifest.reading import from_json, from_toml, read
from seatguard.manifest.report import Change, Kept, NewSecret, Refusal, Report
from seatguard.manifest.writing import to_json, to_toml

__all__ = [
    "Change",
    "ClientSpec",
    "Kept",
    "Manifest",
    "NewSecret",
    "PlanSpec",
    "ProjectSpec",
    "Refusal",
    "Report",
    "ServiceSpec",
    "UserSpec",
    "apply",
    "export",
    "from_json",
    "from_toml",
    "read",
    "to_json",
    "to_toml",
]
