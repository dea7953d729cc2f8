"""What every ledger must do, as tests."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from seatguard.clients.model import Client, ClientState
from seatguard.engine import Seatguard
from seatguard.entitlements.model import Arrival
from seatguard.errors import Conflict, InvalidInput, NotFound
from seatguard.ids import Uuid7
from seatguard.journal.model import AGGREGATES, Draft, Head
from seatguard.journal.ports import Search
from seatguard.journal.rules import GENESIS, audit_stream
from seatguard.keys import digests
from seatguard.projects.model import KnownKey
from seatguard.records import every
from seatguard.storage import Store
from seatguard.storage.ports import Ledger
from seatguard.tenants.model import Tenant
from seatguard.testing.clock import FrozenClock


class LedgerContract:
    """The promises of ``seatguard.storage.ports.Ledger``. Subclass it and give the fixture ``store``."""

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """The clock the store must be opened with."""
        return FrozenClock()

    @pytest.fixture
    def store(self, clock: FrozenClock) -> Store:
        """The store under test, empty, telling the time by ``clock``."""
        raise NotImplementedError("give a fixture `store` in the subclass")

    @pytest.fixture
    def ledger(self, store: Store) -> Ledger:
        """The ledger under test."""
        return store.ledger

    @pytest.fixture
    def new_id(self, clock: FrozenClock) -> Uuid7:
        """Makes ids in increasing order."""
        return Uuid7(clock)

    @pytest.fixture
    def tenant(self, ledger: Ledger, new_id: Uuid7) -> str:
        """A tenant's id."""
        return self._tenant(ledger, new_id, "first")

    def test_unit_left_without_commit_changes_nothing(
        self, ledger: Ledger, tenant: str, new_id: Uuid7
    ) -> None:
        """Leaving a unit, with or without an error, undoes all of it."""
        client = self._client(tenant, new_id)
        with ledger.begin(tenant) as work:
            work.clients.add(client)
            work.journal.append(self._draft(client, new_id))
        with contextlib.suppress(RuntimeError), ledger.begin(tenant) as work:
            work.clients.add(client)
            raise RuntimeError("half way")
        with ledger.read(tenant) as work:
            assert work.clients.find(id=client.id) is None
            assert (
                work.journal.search(Search(stream=client.id), limit=5, after=None, newest_first=True).items
                == ()
            )

    def test_committed_record_is_read_back_equal(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """What went in comes out, types and all."""
        client = self._client(tenant, new_id, name="Ünïcødé ☂ 名前")
        self._add(ledger, client)
        with ledger.read(tenant) as work:
            assert work.clients.get(client.id) == client
            assert work.clients.find(name=client.name) == client

    def test_unit_sees_its_own_writes(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """A record is there for the unit that added it."""
        client = self._client(tenant, new_id)
        with ledger.begin(tenant) as work:
            work.clients.add(client)
            assert work.clients.get(client.id) == client
            assert work.clients.lock(client.id) == client

    def test_foreign_record_is_like_a_missing_one(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """Another tenant's id, an unknown id and no id at all are not found, all alike."""
        other = self._tenant(ledger, new_id, "second")
        client = self._client(other, new_id)
        self._add(ledger, client)
        with ledger.begin(tenant) as work:
            for identifier in (client.id, new_id(), "../x", ""):
                with pytest.raises(NotFound):
                    work.clients.get(identifier)
                with pytest.raises(NotFound):
                    work.clients.lock(identifier)
            with pytest.raises(NotFound):
                work.clients.replace(replace(client, tenant=tenant, name="stolen", version=2))
            work.clients.remove(client.id)
            work.commit()
        with ledger.read_all() as work:
            assert work.clients.get(client.id) == client

    def test_unique_values_are_taken_once(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """A second record with a taken unique value conflicts; a missing value equals nothing."""
        self._add(ledger, self._client(tenant, new_id, external_id="a"))
        self._add(ledger, self._client(tenant, new_id))
        self._add(ledger, self._client(tenant, new_id))
        with pytest.raises(Conflict), ledger.begin(tenant) as work:
            work.clients.add(self._client(tenant, new_id, external_id="a"))

    def test_unique_values_follow_a_replacement(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """A value given up by a replacement is free, one taken by it is taken."""
        client = self._client(tenant, new_id, external_id="a")
        self._add(ledger, client)
        with ledger.begin(tenant) as work:
            work.clients.replace(replace(client, external_id="b", version=2))
            work.commit()
        self._add(ledger, self._client(tenant, new_id, external_id="a"))
        for taken in ("a", "b"):
            with pytest.raises(Conflict), ledger.begin(tenant) as work:
                work.clients.add(self._client(tenant, new_id, external_id=taken))
        with pytest.raises(Conflict) as caught, ledger.begin(tenant) as work:
            work.clients.replace(replace(client, external_id="a", version=3))
        assert caught.value.code == "already_exists"

    def test_several_are_added_in_one_go(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """All of them, none is no error, and with one that is taken none."""
        clients = [self._client(tenant, new_id, external_id=name) for name in ("a", "b", "c")]
        with ledger.begin(tenant) as work:
            work.clients.add_all(clients[:2])
            work.clients.add_all([])
            work.commit()
        with pytest.raises(Conflict) as caught, ledger.begin(tenant) as work:
            work.clients.add_all([clients[2], self._client(tenant, new_id, external_id="a")])
        assert caught.value.code == "already_exists"
        with ledger.read(tenant) as work:
            assert work.clients.list().items == tuple(clients[:2])

    def test_records_are_counted(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """Those of the tenant that fit; what a field cannot hold, none has."""
        for name in ("one", "two", "two"):
            self._add(ledger, self._client(tenant, new_id, name=name))
        other = self._tenant(ledger, new_id, "second")
        self._add(ledger, self._client(other, new_id, name="two"))
        with ledger.read(tenant) as work:
            assert (work.clients.count(), work.clients.count(name="two")) == (3, 2)
            assert work.clients.count(external_id=None) == 3
            assert work.clients.count(name="two", id="no id") == 0

    def test_text_is_compared_byte_by_byte(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """John, john and jöhn are three external ids, whatever the database's collation."""
        for external_id in ("John", "john", "jöhn"):
            self._add(ledger, self._client(tenant, new_id, external_id=external_id))
        with ledger.read(tenant) as work:
            found = work.clients.find(external_id="john")
            assert found is not None
            assert found.external_id == "john"

    def test_replacing_an_old_version_conflicts(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """Of two edits made on the same version the second is refused, unless it is the very same."""
        client = self._client(tenant, new_id)
        self._add(ledger, client)
        with ledger.begin(tenant) as work:
            work.clients.replace(replace(client, name="one", version=2))
            work.commit()
        with pytest.raises(Conflict) as raised, ledger.begin(tenant) as work:
            work.clients.replace(replace(client, name="two", version=2))
        assert raised.value.code == "version_conflict"
        with ledger.begin(tenant) as work:
            work.clients.replace(replace(client, name="one", version=2))
            work.commit()
        with ledger.read(tenant) as work:
            assert work.clients.get(client.id) == replace(client, name="one", version=2)

    def test_locked_record_is_edited_by_one_at_a_time(
        self, ledger: Ledger, tenant: str, new_id: Uuid7
    ) -> None:
        """8 threads lock, read and replace the same record: no edit is lost."""
        client = self._client(tenant, new_id, name="0")
        self._add(ledger, client)
        barrier = threading.Barrier(8)

        def edit(_: int) -> None:
            barrier.wait()
            for _attempt in range(5):
                with ledger.begin(tenant) as work:
                    seen = work.clients.lock(client.id)
                    work.clients.replace(
                        replace(seen, name=str(int(seen.name) + 1), version=seen.version + 1)
                    )
                    work.commit()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(edit, range(8)))
        with ledger.read(tenant) as work:
            assert work.clients.get(client.id).name == "40"

    def test_listing_goes_page_by_page(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """Pages follow each other without gap or repetition, forwards and backwards, filtered."""
        clients = [
            self._client(tenant, new_id, name=f"c{number}", state=list(ClientState)[number % 2])
            for number in range(7)
        ]
        for client in clients:
            self._add(ledger, client)
        with ledger.read(tenant) as work:
            page = work.clients.list(limit=3)
            assert page.items == tuple(clients[:3])
            assert work.clients.list(limit=10, after=page.after).items == tuple(clients[3:])
            newest = work.clients.list(limit=2, newest_first=True)
            assert newest.items == (clients[6], clients[5])
            assert work.clients.list(limit=1, after=newest.after, newest_first=True).items == (clients[4],)
            assert tuple(every(work.clients, state=ClientState.ACTIVE)) == tuple(clients[::2])
            assert work.clients.list(limit=10, external_id=None).items == tuple(clients)

    def test_what_no_record_can_have_is_found_nowhere(self, ledger: Ledger, tenant: str) -> None:
        """No ids, NUL, half surrogate pairs and huge numbers match nothing, without an error."""
        with ledger.read(tenant) as work:
            for text in ("", "../x", "a\x00b", "\ud800", "27259631130333357867708448768"):
                assert work.clients.find(external_id=text) is None
                assert work.projects.find(client=text) is None
                assert work.subscriptions.list(project=text).items == ()
                searches = (
                    Search(stream=text),
                    Search(subject=text),
                    Search(actor=text),
                    Search(kind=text),
                    Search(request_id=text),
                    Search(person=text),
                )
                for search in searches:
                    page = work.journal.search(search, limit=5, after=None, newest_first=True)
                    assert page.items == ()
            for number in (2**63, 2**70, -(2**70), 10**40):
                assert work.subscriptions.find(number=number) is None

    def test_a_cursor_that_is_none_is_refused(self, ledger: Ledger, tenant: str) -> None:
        """What no page gave is the caller's mistake, on every store alike."""
        with ledger.read(tenant) as work:
            for text in ("", "7", "../x", "\x00", "\ud800"):
                with pytest.raises(InvalidInput) as caught:
                    work.clients.list(after=text)
                assert caught.value.code == "invalid_cursor"
                with pytest.raises(InvalidInput):
                    work.journal.search(Search(), limit=5, after=text, newest_first=True)

    def test_numbers_are_never_given_twice(self, ledger: Ledger, tenant: str) -> None:
        """Threads that ask together get different numbers."""

        def number(_: int) -> int:
            with ledger.begin(tenant) as work:
                given = work.next_number()
                work.commit()
                return given

        with ThreadPoolExecutor(4) as pool:
            numbers = list(pool.map(number, range(12)))
        assert len(set(numbers)) == 12

    def test_stream_is_a_chain_that_verifies(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """Entries are numbered from 1, linked, and end where the owner's row says."""
        client = self._client(tenant, new_id)
        self._add(ledger, client)
        for number in range(4):
            with ledger.begin(tenant) as work:
                work.journal.append(self._draft(client, new_id, data={"n": number, "text": 'ü"\n'}))
                work.commit()
        with ledger.read(tenant) as work:
            entries = work.journal.stream(client.id, after_seq=0, limit=100)
            (head,) = [
                h for h in work.journal.heads("client", limit=10, after=None).items if h.stream == client.id
            ]
            assert [entry.seq for entry in entries] == [1, 2, 3, 4]
            assert audit_stream(head, entries, {}) is None
            assert work.journal.stream(client.id, after_seq=2, limit=1) == [entries[2]]

    def test_owner_without_entries_has_an_empty_head(
        self, ledger: Ledger, tenant: str, new_id: Uuid7
    ) -> None:
        """A stream begins with the owner, at nought."""
        client = self._client(tenant, new_id)
        self._add(ledger, client)
        with ledger.read(tenant) as work:
            assert work.journal.heads("client", limit=9, after=None).items == (
                Head("client", client.id, 0, GENESIS),
            )
            for aggregate in AGGREGATES:
                work.journal.heads(aggregate, limit=1, after=None)

    def test_entry_of_an_unknown_owner_is_refused(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """There is no chain to put it on; nor is there on another tenant's record."""
        with pytest.raises(NotFound), ledger.begin(tenant) as work:
            work.journal.append(self._draft(self._client(tenant, new_id), new_id))
        foreign = self._client(self._tenant(ledger, new_id, "second"), new_id)
        self._add(ledger, foreign)
        with pytest.raises(NotFound), ledger.begin(tenant) as work:
            work.journal.append(replace(self._draft(foreign, new_id), tenant=tenant))

    def test_one_head_is_read_by_its_owner(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """The end of one stream can be asked for; a foreign owner is like a missing one."""
        client = self._client(tenant, new_id)
        self._add(ledger, client)
        with ledger.begin(tenant) as work:
            assert work.journal.head("client", client.id) == Head("client", client.id, 0, GENESIS)
            entry = work.journal.append(self._draft(client, new_id))
            assert work.journal.head("client", client.id) == Head("client", client.id, 1, entry.link)
            assert work.journal.ownerless(limit=10) == []
            work.commit()
        other = self._tenant(ledger, new_id, "second")
        with ledger.read(other) as work, pytest.raises(NotFound):
            work.journal.head("client", client.id)

    def test_search_finds_by_what_is_asked(
        self, ledger: Ledger, tenant: str, new_id: Uuid7, clock: FrozenClock
    ) -> None:
        """Filters narrow together; pages follow each other in the order of time."""
        client = self._client(tenant, new_id)
        self._add(ledger, client)
        drafts = []
        for number in range(5):
            clock.travel(seconds=10)
            kind = "client.renamed" if number % 2 else "client_key.added"
            draft = self._draft(client, new_id, kind=kind, at=clock())
            drafts.append(draft)
            with ledger.begin(tenant) as work:
                work.journal.append(draft)
                work.commit()

        def found(search: Search, *, newest_first: bool = False) -> list[str]:
            with ledger.read(tenant) as work:
                page = work.journal.search(search, limit=50, after=None, newest_first=newest_first)
                return [entry.id for entry in page.items]

        ids = [draft.id for draft in drafts]
        assert found(Search(stream=client.id)) == ids
        assert found(Search(stream=client.id), newest_first=True) == ids[::-1]
        assert found(Search(stream=client.id, kind="client.renamed")) == ids[1::2]
        assert found(Search(stream=client.id, kind="client.")) == ids[1::2]
        assert found(Search(stream=client.id, since=drafts[1].at, until=drafts[3].at)) == ids[1:3]
        assert (
            found(Search(subject=client.id, actor="test:ledger", aggregate="client", request_id="r")) == ids
        )
        assert found(Search(request_id="other")) == []
        with ledger.read(tenant) as work:
            search = Search(stream=client.id)
            page = work.journal.search(search, limit=2, after=None, newest_first=False)
            rest = work.journal.search(search, limit=9, after=page.after, newest_first=False)
            assert [entry.id for entry in page.items + rest.items] == ids
            assert [head.stream for head in work.journal.moved_since(drafts[4].at)] == [client.id]
            assert work.journal.moved_since(drafts[4].at + dt.timedelta(seconds=1)) == []

    def test_erased_person_leaves_a_chain_that_verifies(
        self, ledger: Ledger, tenant: str, new_id: Uuid7
    ) -> None:
        """Names and salts are gone, the entries stay, the chain holds."""
        client = self._client(tenant, new_id)
        self._add(ledger, client)
        for person in ("p1", "p2", "p1"):
            with ledger.begin(tenant) as work:
                work.journal.append(
                    replace(
                        self._draft(client, new_id),
                        erasable={"holder": person, "email": f"{person}@example.com"},
                        person=person,
                        salt=b"0123456789abcdef",
                    )
                )
                work.commit()
        with ledger.begin(tenant) as work:
            assert work.journal.erase("p1") == {client.id: ("client", 2)}
            work.commit()
        with ledger.read(tenant) as work:
            entries = work.journal.stream(client.id, after_seq=0, limit=10)
            (head,) = work.journal.heads("client", limit=10, after=None).items
            assert [entry.erasable and entry.erasable["holder"] for entry in entries] == [None, "p2", None]
            assert [(entry.person, entry.salt) for entry in entries[::2]] == [(None, b""), (None, b"")]
            assert audit_stream(head, entries, {}) is None
            assert work.journal.erase("p3") == {}

    def test_entries_are_cut_out_of_a_stream(self, ledger: Ledger, tenant: str, new_id: Uuid7) -> None:
        """They are returned as they were, with commit they are gone, and the stream goes on from its end."""
        client = self._client(tenant, new_id)
        self._add(ledger, client)
        for number in range(5):
            with ledger.begin(tenant) as work:
                work.journal.append(self._draft(client, new_id, data={"n": number}))
                work.commit()
        with ledger.begin(tenant) as work:
            before = work.journal.stream(client.id, after_seq=None, limit=9)
            assert work.journal.cut(client.id, first=1, last=3) == before[:3]
        with ledger.read(tenant) as work:
            assert work.journal.stream(client.id, after_seq=None, limit=9) == before
        foreign = self._tenant(ledger, new_id, "second")
        with ledger.begin(foreign) as work:
            assert work.journal.cut(client.id, first=1, last=3) == []
            work.commit()
        with ledger.begin(tenant) as work:
            assert work.journal.cut(client.id, first=1, last=3) == before[:3]
            assert work.journal.stream(client.id, after_seq=3, limit=1) == before[3:4]
            work.commit()
        with ledger.begin(tenant) as work:
            after = work.journal.append(self._draft(client, new_id))
            work.commit()
        with ledger.read(tenant) as work:
            left = work.journal.stream(client.id, after_seq=None, limit=9)
            assert left == [*before[3:], after]
            assert work.journal.stream(client.id, after_seq=4, limit=9) == left[1:]
            head = work.journal.head("client", client.id)
            assert audit_stream(head, left, {}, start=(3, before[2].link)) is None
            page = work.journal.search(Search(stream=client.id), limit=9, after=None, newest_first=False)
            assert list(page.items) == left

    def test_a_key_is_read_with_all_that_is_agreed(self, store: Store, clock: FrozenClock) -> None:
        """One read finds whose a key is, and the subscriptions of its mode with their plans and counts."""
        engine = Seatguard(store, clock=clock)
        me = engine.actor("test", "contract")
        client = engine.clients.add(me, name="Client")
        names = ("one.example", "two.example")
        project = engine.projects.add(me, client.id, name="Project", domains=names)
        key = engine.projects.add_key(me, project.id)
        ((_, digest),) = digests(key.secret, None)
        before = store.ledger.arrive(digest)
        assert before == Arrival(KnownKey(key.record, project, client, before.known.domains), ())  # type: ignore[union-attr]
        assert sorted(before.known.domains) == sorted(names)
        engine.catalog.add(me, slug="team", seats=5)
        planned = engine.subscriptions.add(me, project.id, plan="team")
        own = engine.subscriptions.add(me, project.id, limit=7, expiry="2031-12-31")
        test = engine.subscriptions.add(me, project.id, limit=3, mode="test")
        engine.seats.hold(me, engine.where(project.id), "ada", seconds=60)
        expected = {
            (planned.id, "team", 0, 0),
            (own.id, None, 1, 1),
        }
        found = store.ledger.agreed(me.tenant, project.id, "live")
        assert {(one.subscription.id, one.plan, one.live, one.held) for one in found} == expected
        assert {one.subscription for one in found} == {planned, own}
        after = store.ledger.arrive(digest)
        assert after is not None
        assert sorted(after.agreed, key=lambda one: one.subscription.id) == sorted(
            found, key=lambda one: one.subscription.id
        )
        (only,) = store.ledger.agreed(me.tenant, project.id, "test")
        assert only.subscription == test

    def test_a_caller_who_comes_again_is_read_as_they_are_now(self, store: Store, clock: FrozenClock) -> None:
        """Whatever changes about key, project, client, domains or services, the next read shows."""
        engine = Seatguard(store, clock=clock)
        me = engine.actor("test", "contract")
        client = engine.clients.add(me, name="Client")
        project = engine.projects.add(me, client.id, name="Project", domains=("one.example",))
        key = engine.projects.add_key(me, project.id)
        ((_, digest),) = digests(key.secret, None)
        where = engine.where(project.id)

        def arrived() -> Arrival:
            found = store.ledger.arrive(digest)
            assert found is not None
            assert found == store.ledger.arrive(digest)
            return found

        assert arrived().agreed == ()
        service = engine.subscriptions.add(me, project.id, limit=7)
        assert [one.subscription for one in arrived().agreed] == [service]
        engine.seats.take(me, where, "ada").require()
        engine.seats.hold(me, where, "bob", seconds=60).require()
        assert [(one.live, one.held) for one in arrived().agreed] == [(2, 1)]
        engine.subscriptions.change_limit(me, service.id, limit=9)
        assert [one.subscription.limit for one in arrived().agreed] == [9]
        engine.projects.add_domain(me, project.id, "two.example")
        assert sorted(arrived().known.domains) == ["one.example", "two.example"]
        engine.projects.remove_domain(me, project.id, "one.example")
        assert arrived().known.domains == ("two.example",)
        engine.projects.change(me, project.id, name="Other")
        assert arrived().known.project.name == "Other"
        engine.clients.suspend(me, client.id)
        assert arrived().known.client.state is ClientState.SUSPENDED
        engine.projects.revoke_key(me, key.record.id)
        assert arrived().known.key.revoked_at is not None
        second = engine.subscriptions.add(me, project.id, limit=3)
        assert {one.subscription.id for one in arrived().agreed} == {service.id, second.id}

    def test_of_what_is_not_there_nothing_is_read(
        self, store: Store, tenant: str, new_id: Uuid7, clock: FrozenClock
    ) -> None:
        """An unknown digest is nobody's, and of another tenant's project nothing is agreed."""
        assert store.ledger.arrive(bytes(32)) is None
        engine = Seatguard(store, clock=clock)
        me = engine.actor("test", "contract")
        project = engine.projects.add(me, engine.clients.add(me, name="Client").id, name="Project")
        engine.subscriptions.add(me, project.id, limit=7)
        for asked in (
            (tenant, project.id, "live"),
            (me.tenant, new_id(), "live"),
            (me.tenant, "../x", "live"),
        ):
            assert list(store.ledger.agreed(*asked)) == []

    def test_ready_store_says_so(self, ledger: Ledger) -> None:
        """A store that answers is ready, says what it keeps, and opens again after closing."""
        ledger.ready()
        assert ledger.durability()
        ledger.close()
        ledger.ready()

    def _tenant(self, ledger: Ledger, new_id: Uuid7, slug: str) -> str:
        identifier = new_id()
        tenant = Tenant(
            id=identifier,
            tenant=identifier,
            slug=slug,
            name=slug,
            created_at=dt.datetime(2027, 1, 1, tzinfo=dt.UTC),
        )
        with ledger.begin(identifier) as work:
            work.tenants.add(tenant)
            work.commit()
        return identifier

    def _client(
        self,
        tenant: str,
        new_id: Uuid7,
        *,
        name: str = "Client",
        external_id: str | None = None,
        state: ClientState = ClientState.ACTIVE,
    ) -> Client:
        return Client(
            id=new_id(),
            tenant=tenant,
            name=name,
            external_id=external_id,
            state=state,
            created_at=dt.datetime(2027, 1, 1, 0, 0, 0, 123456, tzinfo=dt.UTC),
        )

    def _add(self, ledger: Ledger, client: Client) -> None:
        with ledger.begin(client.tenant) as work:
            work.clients.add(client)
            work.commit()

    def _draft(
        self,
        client: Client,
        new_id: Uuid7,
        *,
        kind: str = "client.renamed",
        at: dt.datetime | None = None,
        data: dict[str, object] | None = None,
    ) -> Draft:
        return Draft(
            id=new_id(),
            tenant=client.tenant,
            aggregate="client",
            stream=client.id,
            at=at or dt.datetime(2027, 1, 1, tzinfo=dt.UTC),
            actor="test:ledger",
            kind=kind,
            subject=client.id,
            request_id="r",
            data=data or {},
        )
