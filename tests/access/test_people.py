"""Accounts, groups, sessions, links and second factors, against a real database."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import insert, select

from domov.access import passwords
from domov.access.access import Access
from domov.access.accounts import Accounts
from domov.access.attempts import Attempts
from domov.access.audit import Audit
from domov.access.invitations import Invitations
from domov.access.keys import Grant
from domov.access.passwords import Passwords
from domov.access.people import EVERYONE, Group, People, User, login_of, rights
from domov.access.second_factor import SecondFactor, picture_of, step_of
from domov.access.sessions import Sessions
from domov.chats.answers import ANSWERS
from domov.database import Database
from domov.errors import BadOption, NoSuchInvitation, NotLoggedIn, NotPermitted, TooManyTries
from tests.access.test_limits import Clock

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SECRET = "JBSWY3DPEHPK3PXP" * 2
GOOD = "correct horse battery"


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def accounts(database: Database, clock: Clock, tmp_path: Path) -> Iterator[Accounts]:
    people = People(database, clock)
    yield Accounts(
        people,
        Sessions(database, 7 * 86400, 30 * 86400, clock),
        Invitations(people, clock),
        SecondFactor(people, clock),
        Passwords(QUICK),
        Attempts(clock),
        Audit(tmp_path / "logs"),
        tmp_path,
        clock,
    )


def log_in(accounts: Accounts, name: str, password: str = GOOD, code: str = "", address: str = "192.0.2.1") -> object:
    return accounts.log_in(name, password, code, address=address, agent="Firefox")


class TestRights:
    EVERYBODY = Group(EVERYONE, Grant(EVERYONE, tokens_per_day=100, models=("small:1b",)))
    RESEARCH = Group("group_1", Grant("research", tokens_per_day=500, tokens_per_month=9000, models=("big:*",)))
    OFFICE = Group("group_2", Grant("office", "models", tokens_per_day=200))

    def given(self, *groups: str, role: str = "user") -> Grant:
        user = User("user_1", "anna", role, groups, 0.0)  # type: ignore[arg-type]
        return rights(user, {group.id: group for group in (self.EVERYBODY, self.RESEARCH, self.OFFICE)})

    def test_who_is_in_no_group_has_what_everyone_has(self) -> None:
        assert self.given() == Grant("anna", tokens_per_day=100, models=("small:1b",))
        assert self.given("group_that_was_deleted") == self.given()

    def test_in_several_groups_the_widest_of_each_counts(self) -> None:
        both = self.given("group_1", "group_2")
        assert (both.scope, both.tokens_per_day, both.tokens_per_month, both.models) == ("models", 500, None, ())

    def test_an_administrator_may_do_everything(self) -> None:
        assert self.given("group_1", role="admin") == Grant("anna", "admin")

    def test_a_key_never_gives_more_than_its_account(self) -> None:
        key = Grant("laptop", "models", models=(), within=self.given("group_1"))
        assert not key.covers("models") and key.covers("inference")
        assert key.allows("big:70b") and not key.allows("small:1b")
        narrow = Grant("laptop", models=("big:7b",), within=self.given("group_1"))
        assert narrow.allows("big:7b") and not narrow.allows("big:70b") and not narrow.all_models


def test_names_are_the_same_whatever_their_case_or_their_letters_are_written_like(people: People) -> None:
    people.add("Žofie", "user")
    with pytest.raises(BadOption, match="there is an account"):
        people.add("žofie", "user")
    assert people.get("ŽOFIE").name == "Žofie"
    assert login_of("Zo\u030cfie") == login_of("ZǑFIE")


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "a\nb", "-x", "user_0123456789ab", "a/b", "a\u202eb"])
def test_what_is_no_name_is_refused(people: People, name: str) -> None:
    with pytest.raises(BadOption):
        people.add(name, "user")


def test_the_last_administrator_stays_one(people: People) -> None:
    anna = people.add("anna", "admin")
    with pytest.raises(NotPermitted, match="last administrator"):
        people.change(anna.id, role="user")
    with pytest.raises(NotPermitted, match="last administrator"):
        people.disable(anna.id, True)
    boris = people.add("boris", "admin")
    assert people.change(anna.id, role="user").role == "user"
    with pytest.raises(NotPermitted):
        people.disable(boris.id, True)


def test_a_group_is_made_changed_and_deleted_and_its_members_stay(people: People) -> None:
    group = people.add_group(Grant("research", models=("big:*",)))
    anna = people.add("anna", "user", groups=["research"])
    assert anna.groups == (group.id,)
    people.change_group("research", Grant("lab"))
    assert [g.grant.name for g in people.groups()] == [EVERYONE, "lab"]
    people.delete_group("lab")
    assert people.get("anna").groups == ()
    for grant in (Grant("x", "admin"), Grant("x", "models", models=("a",))):
        with pytest.raises(BadOption):
            people.add_group(grant)
    with pytest.raises(BadOption, match="everyone"):
        people.delete_group(EVERYONE)


class TestLoggingIn:
    def test_right_and_wrong(self, accounts: Accounts) -> None:
        accounts.begin("anna", GOOD)
        opened = log_in(accounts, "ANNA")
        assert opened is not None and accounts.people.get("anna").last_login_at
        for name, password in (("anna", GOOD + "x"), ("nobody", GOOD), ("anna", "")):
            with pytest.raises(NotLoggedIn, match="the name or the password is wrong"):
                log_in(accounts, name, password, address=f"192.0.2.{len(name + password)}")

    def test_a_disabled_account_is_told_so_only_to_who_knows_the_password(self, accounts: Accounts) -> None:
        accounts.begin("anna", GOOD)
        boris = accounts.people.add("boris", "user", password=accounts.passwords.hashed(GOOD))
        accounts.people.disable(boris.id, True)
        with pytest.raises(NotLoggedIn, match="disabled"):
            log_in(accounts, "boris")
        with pytest.raises(NotLoggedIn, match="is wrong"):
            log_in(accounts, "boris", "another password")

    def test_a_hash_of_older_parameters_is_made_anew(self, accounts: Accounts) -> None:
        old = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(GOOD)
        accounts.people.add("anna", "admin", password=old)
        log_in(accounts, "anna")
        assert accounts.people.get("anna").password != old
        assert log_in(accounts, "anna")

    def test_a_password_is_changed_with_the_old_one_and_other_sessions_end(self, accounts: Accounts) -> None:
        anna = accounts.begin("anna", GOOD)
        here, there = (accounts.open(anna, address="", agent="") for _ in range(2))
        with pytest.raises(NotLoggedIn):
            accounts.change_password(anna, "wrong", "another good one", session=here.session.id, address="")
        accounts.change_password(anna, GOOD, "another good one", session=here.session.id, address="")
        assert [one.id for one in accounts.sessions.of(anna.id)] == [here.session.id] != [there.session.id]
        assert log_in(accounts, "anna", "another good one")


class TestAttempts:
    def test_the_sixth_wrong_try_from_one_address_waits_ever_longer(self) -> None:
        clock = Clock()
        attempts = Attempts(clock)
        waits = []
        for _ in range(8):
            wait = attempts.begin("anna", "192.0.2.1")
            waits.append(wait)
            clock.moment += wait
            if wait:
                assert attempts.begin("anna", "192.0.2.1") == 0
        assert waits == [0, 0, 0, 0, 0, 2, 4, 8]

    def test_others_are_not_held_up_by_one_address(self) -> None:
        attempts = Attempts(Clock())
        for _ in range(6):
            attempts.begin("anna", "192.0.2.1")
        assert attempts.begin("anna", "192.0.2.1") > 0
        assert attempts.begin("anna", "192.0.2.2") == 0 and attempts.begin("boris", "192.0.2.1") == 0

    def test_many_addresses_together_have_no_more_tries_for_a_name(self) -> None:
        attempts = Attempts(Clock())
        made = sum(attempts.begin("anna", f"10.0.0.{n}") == 0 for n in range(200))
        assert made == 30

    def test_one_address_can_t_go_through_all_names(self) -> None:
        attempts = Attempts(Clock())
        assert sum(attempts.begin(f"name{n}", "192.0.2.1") == 0 for n in range(200)) == 30

    @pytest.mark.usefixtures("racing")
    def test_tries_at_the_same_time_are_not_more_tries(self) -> None:
        for _ in range(20):
            attempts = Attempts(Clock())
            with ThreadPoolExecutor(16) as threads:
                made = list(threads.map(lambda _, a=attempts: a.begin("anna", "192.0.2.1"), range(400)))
            assert made.count(0) == 5

    def test_a_success_clears_the_name_from_there(self) -> None:
        attempts = Attempts(Clock())
        for _ in range(100):
            assert attempts.begin("anna", "192.0.2.1") == 0
            attempts.succeeded("anna", "192.0.2.1")

    def test_a_wait_is_a_sentence_with_its_seconds(self, accounts: Accounts) -> None:
        accounts.begin("anna", GOOD)
        for _ in range(5):
            with pytest.raises(NotLoggedIn):
                log_in(accounts, "anna", "wrong")
        with pytest.raises(TooManyTries) as caught:
            log_in(accounts, "anna")  # not even the right one
        assert caught.value.retry_seconds == 2


class TestSecondFactor:
    def test_a_code_is_needed_and_each_is_good_once(self, accounts: Accounts, clock: Clock) -> None:
        anna, secret = accounts.begin("anna", GOOD), SECRET
        totp = pyotp.TOTP(secret)
        with pytest.raises(BadOption, match="not the one of now"):
            accounts.turn_on_totp(anna, secret, "000000")
        codes = accounts.turn_on_totp(anna, secret, totp.at(int(clock())))
        assert log_in(accounts, "anna") is None
        with pytest.raises(NotLoggedIn, match="used already"):
            log_in(accounts, "anna", code=totp.at(int(clock())))
        clock.moment += 30
        assert log_in(accounts, "anna", code=f" {totp.at(int(clock()))} ")
        with pytest.raises(NotLoggedIn):
            log_in(accounts, "anna", code=totp.at(int(clock())))
        assert log_in(accounts, "anna", code=codes[0].upper())
        with pytest.raises(NotLoggedIn):
            log_in(accounts, "anna", code=codes[0])
        assert accounts.second_factor.codes_left(anna.id) == 9
        accounts.second_factor.turn_off(anna.id)
        assert log_in(accounts, "anna")

    def test_a_code_of_the_step_before_or_after_is_taken_and_no_other(self) -> None:
        secret, now = SECRET, 1_800_000_000.0
        steps = [step_of(secret, pyotp.TOTP(secret).at(int(now) + 30 * n), now) for n in (-2, -1, 0, 1, 2)]
        first = int(now) // 30
        assert steps == [None, first - 1, first, first + 1, None]

    def test_the_picture_is_made_here_and_runs_nothing(self) -> None:
        picture = picture_of(f"otpauth://totp/Domov:anna?secret={SECRET}&issuer=Domov")
        assert picture.startswith("<svg") and "script" not in picture and "JBSWY" not in picture


class TestSessions:
    def test_one_ends_when_it_is_not_used_or_after_its_time(self, accounts: Accounts, clock: Clock) -> None:
        opened = accounts.open(accounts.begin("anna", GOOD), address="192.0.2.1", agent="Firefox")
        assert accounts.sessions.good(opened.session) and accounts.sessions.noted(opened.session) is None
        clock.moment += 6 * 86400
        used = accounts.sessions.noted(opened.session)
        assert used is not None
        accounts.sessions.write(used)
        clock.moment += 6 * 86400
        assert accounts.sessions.is_open(opened.session.id) and accounts.sessions.good(used)
        clock.moment += 7 * 86400
        assert not accounts.sessions.is_open(opened.session.id) and accounts.sessions.of(opened.user.id) == []

    def test_nothing_of_the_secret_is_kept(self, accounts: Accounts) -> None:
        opened = accounts.open(accounts.begin("anna", GOOD), address="", agent="")
        accounts.people.database.close()
        kept = b"".join(p.read_bytes() for p in accounts.home.glob("domov.db*"))
        assert opened.secret.encode() not in kept and GOOD.encode() not in kept


class TestInvitations:
    def test_a_link_makes_one_account_once(self, accounts: Accounts) -> None:
        accounts.people.add_group(Grant("research"))
        link, secret = accounts.invitations.invite("for Boris", groups=["research"])
        boris = accounts.accept(secret, name="boris", password=GOOD)
        assert boris.role == "user" and len(boris.groups) == 1
        with pytest.raises(NoSuchInvitation):
            accounts.accept(secret, name="boris2", password=GOOD)
        (kept,) = accounts.invitations.all()
        assert kept.id == link.id and kept.used_at

    def test_a_name_that_is_taken_uses_up_nothing(self, accounts: Accounts) -> None:
        accounts.begin("anna", GOOD)
        _, secret = accounts.invitations.invite("")
        with pytest.raises(BadOption):
            accounts.accept(secret, name="Anna", password=GOOD)
        with pytest.raises(BadOption, match="less than 10"):
            accounts.accept(secret, name="boris", password="short")
        assert accounts.accept(secret, name="boris", password=GOOD).name == "boris"

    def test_it_ends_with_its_time_or_when_it_is_withdrawn(self, accounts: Accounts, clock: Clock) -> None:
        _, late = accounts.invitations.invite("", days=1)
        clock.moment += 86400
        link, withdrawn = accounts.invitations.invite("")
        accounts.invitations.withdraw(link.id)
        for secret in (late, withdrawn, "invite-nonsense", "", "x" * 10_000):
            with pytest.raises(NoSuchInvitation, match="not good"):
                accounts.invitations.find(secret)

    def test_a_reset_sets_the_password_of_its_account_and_ends_its_sessions(self, accounts: Accounts) -> None:
        anna = accounts.begin("anna", GOOD)
        accounts.open(anna, address="", agent="")
        _, first = accounts.invitations.reset(anna)
        _, second = accounts.invitations.reset(anna)
        with pytest.raises(NoSuchInvitation):
            accounts.accept(first, name="", password="another good one")
        accounts.accept(second, name="whoever", password="another good one")
        assert accounts.sessions.of(anna.id) == []
        assert log_in(accounts, "anna", "another good one")


@pytest.mark.parametrize("password", ["short", "password123", "aaaaaaaaaaaa", "annaanna12", "x" * 257, "1234567890"])
def test_a_poor_password_is_refused_with_a_reason(password: str) -> None:
    with pytest.raises(BadOption, match="this password"):
        passwords.checked(password, name="annaanna")


def test_a_good_password_is_taken() -> None:
    for password in (GOOD, "kůň má rád seno", "anna" * 9 + "x1y2z3"):
        assert passwords.checked(password, name="anna") == password


def test_a_name_that_is_not_known_takes_as_long_as_a_wrong_password() -> None:
    """Both verify one hash of the same parameters: counted, not timed."""
    verified = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            verified.append(str(hash).split("$")[3])
            return super().verify(hash, password)

    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    known = Passwords(hasher)
    assert not known.is_right("wrong", known.hashed(GOOD))
    assert not known.is_right("wrong", None)
    assert len(verified) == 2 and verified[0] == verified[1]


def answer_of(owner: str, id: str) -> dict[str, object]:
    return {"id": id, "owner": owner, "created_at": 1.0, "model": "m", "messages": b"[]", "body": b"{}"}


class TestWhatIsTheirs:
    def test_what_was_nobodys_becomes_the_first_administrators(self, accounts: Accounts) -> None:
        with accounts.people.database.transaction() as connection:
            for owner in ("", "key_1"):
                connection.execute(insert(ANSWERS).values(answer_of(owner, f"of {owner}")))
        (accounts.home / "stories").mkdir()
        (accounts.home / "stories" / "0.json").write_text("{}")
        anna = accounts.begin("anna", GOOD)
        with accounts.people.database.reading() as connection:
            found = {id: owner for id, owner in connection.execute(select(ANSWERS.c.id, ANSWERS.c.owner))}
        assert found == {"of ": anna.id, "of key_1": "key_1"}
        assert (accounts.home / "stories" / anna.id / "0.json").exists()
        with pytest.raises(NotPermitted, match="already"):
            accounts.begin("boris", GOOD)

    def test_what_is_theirs_goes_with_an_account_and_nothing_else(self, accounts: Accounts) -> None:
        anna, boris = accounts.begin("anna", GOOD), accounts.people.add("boris", "user")
        access = Access(lambda: accounts.people.database, accounts.audit)
        access.keys.add(Grant("laptop"), user_id=boris.id)
        access.keys.add(Grant("laptop"), user_id=anna.id)
        with accounts.people.database.transaction() as connection:
            for user in (anna, boris):
                connection.execute(insert(ANSWERS).values(answer_of(user.id, user.name)))
        (accounts.home / "stories" / boris.id).mkdir(parents=True)
        accounts.open(boris, address="", agent="")
        left = accounts.delete(boris)
        assert left.conversations == ("boris",)
        with accounts.people.database.reading() as connection:
            assert connection.execute(select(ANSWERS.c.id)).scalars().all() == ["anna"]
        assert [key.user_id for key in access.keys.all()] == [anna.id]
        assert not (accounts.home / "stories" / boris.id).exists()
        with pytest.raises(NotPermitted):
            accounts.delete(anna)
