import asyncio
import sys
import time
from typing import Any

import click

from domov import app
from domov.access.keys import Grant, Scope
from domov.access.passwords import checked
from domov.access.people import LIMITS, Role, User
from domov.app import App
from domov.cli.errors import say
from domov.cli.output import json_option, print_json, print_table

GROUP_SCOPES = ("inference", "models")


@click.group()
def users() -> None:
    """The people who use this server: accounts, groups, invitations.

    With the first administrator everybody has to log in, or show a key. A change holds at once, for a server that runs
    as well.
    """


@users.command("add")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May do everything, and administer.")
@click.option("--group", "groups", multiple=True, help="A group to be in; may be given several times.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(name: str, admin: bool, groups: tuple[str, ...], password_stdin: bool) -> None:
    """Make an account for NAME. The first administrator gets all that was kept here so far."""
    domov = app.load()
    first = admin and not domov.access.directory.asks_who()
    password = checked(_password(password_stdin), name=name)
    if first:
        user = domov.access.accounts.begin(name, password)
    else:
        hashed = domov.access.accounts.passwords.hashed(password)
        role: Role = "admin" if admin else "user"
        user = domov.access.people.add(name, role, groups=groups, password=hashed)
    _note(domov, "add", user, role=user.role)
    say(f"{user.name} may log in ({user.role})")
    if first:
        say("From now on everybody logs in, or shows a key; what was kept here is theirs.")
    elif not domov.access.directory.asks_who():
        say("There is no administrator yet, so nobody is asked: domov users add NAME --admin")


@users.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the accounts, with what each has used."""
    domov = app.load()
    rows = domov.access.user_rows()
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("there are no accounts: `domov users add NAME --admin` makes the first")
        return
    names = {group.id: group.grant.name for group in domov.access.people.groups()}
    headings = ("NAME", "ROLE", "GROUPS", "LOGS IN WITH", "LAST LOGIN", "TOKENS TODAY", "THIS MONTH", "STATE")
    print_table(headings, [_row(row, names) for row in rows])


@users.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Let NAME in no more: sessions end, keys are refused, everything stays."""
    _disable(name, True)


@users.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Let NAME in again."""
    _disable(name, False)


@users.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
def delete(name: str, yes: bool) -> None:
    """Delete NAME with everything that is their own: chats, documents, files, batches, answers, stories, keys."""
    from domov.api.domov.deleting import delete_user  # slow to import

    domov = app.load()
    user = domov.access.people.get(name)
    if not yes:
        click.confirm(
            f"Delete {user.name} with all their chats, documents, files and keys? It can't be undone",
            abort=True,
            err=True,
        )
    asyncio.run(delete_user(domov, user))
    _note(domov, "delete", user)
    say(f"{user.name} is deleted")


@users.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(("admin", "user")))
def role_(name: str, role: Role) -> None:
    """Make NAME an administrator, or a user."""
    domov = app.load()
    user = domov.access.people.change(domov.access.people.get(name).id, role=role)
    _note(domov, "role", user, role=role)
    say(f"{user.name} is {user.role}")


@users.command("join")
@click.argument("name")
@click.argument("groups", nargs=-1)
def join(name: str, groups: tuple[str, ...]) -> None:
    """Put NAME into exactly these GROUPS; none: what `everyone` has."""
    domov = app.load()
    user = domov.access.people.change(domov.access.people.get(name).id, groups=groups)
    _note(domov, "join", user, groups=", ".join(groups))
    say(f"{user.name} is in {', '.join(groups) or 'no group'}")


@users.command("password")
@click.argument("name")
@click.option("--stdin", "password_stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--without-totp", is_flag=True, help="Also turn the second factor off.")
def password(name: str, password_stdin: bool, without_totp: bool) -> None:
    """Set a new password for NAME; open sessions end."""
    domov = app.load()
    user = domov.access.people.get(name)
    domov.access.accounts.set_password(user, _password(password_stdin))
    if without_totp:
        domov.access.accounts.second_factor.turn_off(user.id)
    _note(domov, "password", user)
    say(f"{user.name} has a new password")


@users.command("invite")
@click.option("--note", default="", help="For whom it is; only shown in lists.")
@click.option("--admin", is_flag=True, help="Whoever takes it may administer.")
@click.option("--group", "groups", multiple=True, help="A group to be in; may be given several times.")
@click.option(
    "--days", type=click.FloatRange(0, 90, min_open=True), default=7, show_default=True, help="How long it is good."
)
@click.option(
    "--at", "address", default="http://127.0.0.1:36668", help="The server's address, as the other person has it."
)
def invite(note: str, admin: bool, groups: tuple[str, ...], days: float, address: str) -> None:
    """Make a link with which somebody makes an account of their own, once."""
    domov = app.load()
    role: Role = "admin" if admin else "user"
    link, secret = domov.access.accounts.invitations.invite(note, role=role, groups=groups, days=days)
    domov.access.audit.command("domov users invite", invitation=link.id, role=role)
    _print_link(address, secret, days)


@users.command("reset")
@click.argument("name")
@click.option(
    "--at", "address", default="http://127.0.0.1:36668", help="The server's address, as the other person has it."
)
def reset(name: str, address: str) -> None:
    """Make a link with which NAME sets a new password, once; good for two days."""
    domov = app.load()
    user = domov.access.people.get(name)
    _, secret = domov.access.accounts.invitations.reset(user)
    _note(domov, "reset", user)
    _print_link(address, secret, 2)


@users.command("groups")
@json_option
def groups_(as_json: bool) -> None:
    """List the groups, and what each gives."""
    rows = [group.row() for group in app.load().access.people.groups()]
    if as_json:
        print_json(rows)
        return
    headings = ("NAME", "SCOPE", "MODELS", "A MINUTE", "TOKENS A DAY", "A MONTH")
    limits = [[str(row[limit] or "any") for limit in LIMITS] for row in rows]
    shown = [
        (row["name"], row["scope"], ",".join(row["models"]) or "all", *n) for row, n in zip(rows, limits, strict=True)
    ]
    print_table(headings, shown)


@users.command("group")
@click.argument("name")
@click.option(
    "--scope", type=click.Choice(GROUP_SCOPES), default="inference", show_default=True, help="What members may do."
)
@click.option("--models", default="", help="The only models for members, by name or pattern: qwen3:4b,smollm2:*")
@click.option("--requests-per-minute", type=click.IntRange(1), help="Most requests a minute, for each member.")
@click.option("--tokens-per-day", type=click.IntRange(1), help="Most tokens a day (UTC), for each member.")
@click.option("--tokens-per-month", type=click.IntRange(1), help="Most tokens a calendar month (UTC), for each member.")
@click.option(
    "--cost-per-month",
    type=click.FloatRange(0, min_open=True),
    help="Most money a calendar month, for each member, in `currency`.",
)
@click.option("--delete", "gone", is_flag=True, help="Delete the group; its members stay.")
def group(name: str, scope: Scope, models: str, gone: bool, **limits: Any) -> None:
    """Make the group NAME, or say anew what it gives. `everyone` is what people without a group have."""
    domov = app.load()
    people = domov.access.people
    if gone:
        people.delete_group(name)
        domov.access.audit.command("domov users group --delete", group_name=name)
        say(f"{name} is deleted")
        return
    names = tuple(part.strip() for part in models.split(",") if part.strip())
    domov.tariff.check_limit(limits["cost_per_month"])
    grant = Grant(name, scope, models=names, **limits)
    there = any(one.grant.name == name for one in people.groups())
    made = people.change_group(name, grant) if there else people.add_group(grant)
    domov.access.audit.command("domov users group", group=made.id, group_name=name)
    say(f"{name} is {'changed' if there else 'made'}")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _disable(name: str, disabled: bool) -> None:
    domov = app.load()
    user = domov.access.people.disable(domov.access.people.get(name).id, disabled)
    if disabled:
        domov.access.sessions.end_all(user.id)
    _note(domov, "disable" if disabled else "enable", user)
    say(f"{user.name} is {'disabled' if disabled else 'enabled'}")


def _note(domov: App, what: str, user: User, **more: Any) -> None:
    domov.access.audit.command(f"domov users {what}", user=user.id, user_name=user.name, **more)


def _print_link(address: str, secret: str, days: float) -> None:
    say(f"Good once, for {days:g} days; it is shown this once:")
    click.echo(f"{address.rstrip('/')}/#invitation={secret}")


def _row(row: dict[str, Any], groups: dict[str, str]) -> tuple[str, ...]:
    ways = [words for key, words in (("password", "password"), ("totp", "code"), ("oidc", "sign-on")) if row[key]]
    last = time.strftime("%Y-%m-%d", time.gmtime(row["last_login_at"])) if row["last_login_at"] else "never"
    return (
        row["name"],
        row["role"],
        ",".join(groups.get(id, id) for id in row["groups"]) or "everyone",
        "+".join(ways) or "nothing yet",
        last,
        str(row["today"]["tokens"]),
        str(row["month"]["tokens"]),
        "in use" if row["disabled_at"] is None else "disabled",
    )
