"""Who there is, and which roles they have."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from fakeidentity.roles import ROLES, allows

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A role that an identity has on an account, or only on some of its containers.

    `containers` are patterns such as `job-*`. `not_containers` takes some away, as a condition of a role
    assignment in Azure can. An assignment on only some containers gives no delegation key: that needs the
    role on the account.
    """

    role: str
    containers: tuple[str, ...] = ("*",)
    not_containers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"{self.role!r} is none of the roles {', '.join(ROLES)}")

    def allows(self, actions: Collection[str], container: str) -> bool:
        """Return whether it allows one of these actions, on a container or, for "", on the account."""
        if not allows(self.role, actions):
            return False
        if not container:
            return self.containers == ("*",)
        return _matches(container, self.containers) and not _matches(container, self.not_containers)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A user-assigned managed identity, of an app or of the nodes of a pool."""

    client_id: str
    object_id: str
    resource_id: str
    is_of_nodes: bool = False
    assignments: tuple[Assignment, ...] = ()

    def __post_init__(self) -> None:
        for number in (self.client_id, self.object_id):
            if not _GUID.fullmatch(number):
                raise ValueError(f"{number!r} is not a GUID in lower case")


class Directory:
    """The identities, whose roles may change at any time."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        self._identities = {identity.client_id: identity for identity in identities}

    def by_client(self, client_id: str) -> Identity | None:
        """Return the identity with a client id."""
        return self._identities.get(client_id.lower())

    def by_object(self, object_id: str) -> Identity | None:
        """Return the identity with an object id."""
        known = (one for one in self._identities.values() if one.object_id == object_id.lower())
        return next(known, None)

    def by_resource(self, resource_id: str) -> Identity | None:
        """Return the identity with a resource id, which is compared without regard to case."""
        wanted = resource_id.lower()
        return next((one for one in self._identities.values() if one.resource_id.lower() == wanted), None)

    def assign(self, client_id: str, assignments: Iterable[Assignment]) -> None:
        """Replace all roles of an identity. Raises KeyError if there is none with this client id."""
        self._identities[client_id] = replace(self._identities[client_id], assignments=tuple(assignments))


def identity_of(facts: Mapping[str, Any]) -> Identity:
    """Return the identity that JSON describes. Raises ValueError, TypeError or KeyError if it does not."""
    return Identity(
        client_id=facts["clientId"],
        object_id=facts["objectId"],
        resource_id=facts["resourceId"],
        is_of_nodes=facts.get("isOfNodes", False),
        assignments=assignments_of(facts.get("assignments", ())),
    )


def assignments_of(listed: Iterable[Mapping[str, Any]]) -> tuple[Assignment, ...]:
    """Return the assignments that JSON describes. Raises ValueError, TypeError or KeyError."""
    return tuple(
        Assignment(
            role=one["role"],
            containers=tuple(one.get("containers", ("*",))),
            not_containers=tuple(one.get("notContainers", ())),
        )
        for one in listed
    )


def shown(assignments: Iterable[Assignment]) -> list[dict[str, Any]]:
    """Return the assignments as JSON, in the form that `assignments_of` reads."""
    facts = (asdict(one) for one in assignments)
    return [
        {"role": one["role"], "containers": one["containers"], "notContainers": one["not_containers"]}
        for one in facts
    ]


def _matches(container: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(container, pattern) for pattern in patterns)
