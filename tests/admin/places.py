"""Every page there is, by an address that shows it on the sample."""

from __future__ import annotations

from tests.admin.sample import Sample


def places(sample: Sample) -> list[str]:
    """Addresses below the pages' own path."""
    engine, me = sample.engine, sample.actor
    entry = engine.journal.search(me, limit=1).items[0].id
    key = engine.projects.keys(me, sample.project)[-1].id
    seat = engine.seats.list_of(me, sample.service).items[0].id
    client, project, service = (
        f"/clients/{sample.client}",
        f"/projects/{sample.project}",
        f"/services/{sample.service}",
    )
    return [
        "/",
        "/clients",
        "/clients?view=archived",
        "/clients?q=nobody",
        "/clients/new",
        client,
        f"{client}?tab=projects",
        f"{client}?tab=activity",
        f"{client}/edit",
        f"{client}/archive",
        "/projects",
        "/projects/new",
        project,
        f"{project}?tab=domains",
        f"{project}?tab=keys",
        f"{project}?tab=activity",
        f"{project}/edit",
        f"{project}/domains/new",
        f"{project}/domains/remove?domain=app0.example.com",
        f"{project}/keys/new",
        f"{project}/keys/{key}/rotate",
        f"{project}/keys/{key}/revoke",
        "/services",
        "/services?view=high&sort=utilization",
        "/services?q=nothing+like+this",
        "/services/all?mode=live",
        "/services?util_gte=70&mode=live",
        "/views/save?page=services&query=view%3Dhigh",
        "/activity?since=2020-01-01&who=cli",
        "/services/new",
        service,
        f"{service}?tab=seats",
        f"{service}?tab=keys",
        f"{service}?tab=integrate",
        f"{service}?tab=activity",
        f"{service}/limit",
        f"{service}/renew",
        f"{service}/plan",
        f"{service}/archive",
        f"{service}/seats/new",
        f"{service}/seats/{seat}/release",
        "/plans",
        "/plans/new",
        "/plans/team",
        "/plans/team?tab=prices",
        "/plans/team?tab=versions",
        "/plans/team?tab=subscribers",
        "/plans/team?tab=activity",
        "/plans/team/edit",
        "/plans/team/publish",
        "/reports",
        "/reports/expiring",
        "/reports/utilization",
        "/reports/seats",
        "/reports/denials",
        "/activity",
        f"/activity/{entry}",
        "/api-docs",
        "/search",
        "/search?q=north",
        "/preferences",
    ]
