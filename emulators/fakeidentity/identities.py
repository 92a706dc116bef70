"""Who there is, and which roles they have."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from fakeidentity.conditions import condition
from fakeidentity.roles import ROLES, allowed, full_name

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A role that an identity has on an account, or only on some of its containers.

    `containers` are patterns such as `job-*`. An assignment on only some containers gives no delegation key:
    that needs the role on the account. `condition` is one of Azure's conditions for role assignments.
    """

    role: str
    containers: tuple[str, ...] = ("*",)
    condition: str = ""

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"{self.role!r} is none of the roles {', '.join(ROLES)}")
        if self.condition:
            condition(self.condition)

    def allows(self, actions: Collection[str], container: str) -> bool:
        """Return whether it allows one of these actions, on a container or, for "", on the account."""
        if container:
            covered = any(fnmatchcase(container, pattern) for pattern in self.containers)
        else:
            covered = self.containers == ("*",)
        possible = allowed(self.role, actions) if covered else []
        if not self.condition:
            return bool(possible)
        holds = condition(self.condition)
        return any(holds(full_name(action), container) for action in possible)


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
            condition=one.get("condition", ""),
        )
        for one in listed
    )


def shown(assignments: Iterable[Assignment]) -> list[dict[str, Any]]:
    """Return the assignments as JSON, in the form that `assignments_of` reads."""
    return [asdict(one) for one in assignments]
