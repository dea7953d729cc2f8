"""A client's application: the domains it runs on and the keys it calls with.

Words
    *project*: one application of a client. *domain*: a host name the project calls from, kept
    normalised. *project key*: the secret of the validation routes; only its digest is kept.
    *access*: what a key and a domain together identify.

Invariants
    A key is shown once. At most two keys of a mode live at a time; rotation gives the old one an
    end date. Every failure to identify is the same error. A test key never sees live data.
"""

from seatguard.projects.model import Access, Domain, Project, ProjectKey

__all__ = ["Access", "Domain", "Project", "ProjectKey"]
