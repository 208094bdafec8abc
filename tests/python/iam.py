"""IAM's judgement of a request by the statements of identity policies, as far as the template uses IAM's language.

moto's IAM knows neither resources nor conditions, and no package on PyPI that is kept and permissively licensed judges
a request by both: parliament and policyuniverse only read policies, sibyl-aws only looks for denials and knows three
keys of conditions, aws-why asks AWS; iam-ape is under the GPL, principalmapper under the AGPL. What is not understood
here fails: it is taken neither for a yes nor for a no.

The rules are in the IAM User Guide, of policies:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
and of conditions: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# AWS's words, as `iam:SimulatePrincipalPolicy` says them.
ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY = "allowed", "explicitDeny", "implicitDeny"

# What a request says of itself: a string for a key with one value, a list for one that may have many.
Context = Mapping[str, str | list[str]]
Statement = Mapping[str, Any]


def decision(statements: Iterable[Statement], action: str, resource: str, context: Context | None = None) -> str:
    """Whether the policies of these statements let a request through: a denial wins, and silence denies."""
    effects = {it["Effect"] for it in statements if applies(it, action, resource, context or {})}
    assert effects <= {"Allow", "Deny"}, effects
    return EXPLICIT_DENY if "Deny" in effects else ALLOWED if effects else IMPLICIT_DENY


def applies(statement: Statement, action: str, resource: str, context: Context) -> bool:
    """Whether a statement says anything of a request."""
    unknown = statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}
    assert not unknown, f"not understood: {unknown}"
    return (
        any(matches(pattern.lower(), action.lower()) for pattern in listed(statement["Action"]))
        and any(matches(pattern, resource) for pattern in listed(statement["Resource"]))
        and all(
            holds(operator, listed(values), lookup(context, key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def holds(operator: str, values: list[str], found: str | list[str] | None) -> bool:
    """Whether one operator holds for one key, of which the request has this, or nothing."""
    if operator == "Null":
        (value,) = values
        return {"true": True, "false": False}[value] == (not found)
    qualifier, _, comparison = operator.rpartition(":")
    match = {"StringEquals": str.__eq__, "StringLike": matches}[comparison]
    if qualifier == "ForAllValues":  # true of no values, too
        return all(any(match(value, it) for value in values) for it in listed(found or []))
    assert qualifier == "", f"not understood: {qualifier}"
    assert not isinstance(found, list), f"{operator} says nothing of a key with many values"
    return found is not None and any(match(value, found) for value in values)


def lookup(context: Context, key: str) -> str | list[str] | None:
    """The value of a key, whose name may be in any case."""
    return {name.lower(): value for name, value in context.items()}.get(key.lower())


def matches(pattern: str, value: str) -> bool:
    """Whether a pattern with `*` and `?` is of a value. A star crosses slashes and colons."""
    assert "${" not in pattern, f"not understood: {pattern}"
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(it) or re.escape(it) for it in pattern), value, re.DOTALL) is not None


def listed(value: Any) -> list[Any]:
    """What IAM lets one write bare if it is one."""
    return value if isinstance(value, list) else [value]
