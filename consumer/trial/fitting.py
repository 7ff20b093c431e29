"""The reasons for and against each profile for one header."""

from collections.abc import Sequence
from dataclasses import dataclass

from billstream.consumer.profiles import Binding, Profile, ProfileRegistry, bind
from billstream.consumer.profiles.model import Match
from billstream.consumer.profiles.names import Header
from billstream.consumer.profiles.origin import Origin, origin_of
from billstream.consumer.trial.words import sources_of

_NEAREST = 3


@dataclass(frozen=True)
class Fit:
    """One profile compared with a header: `why` is the reason it is used, or not."""

    profile: str
    taken: bool
    fits: bool
    why: str


def fits_of(profiles: ProfileRegistry, header: Sequence[str], key: Origin | str) -> list[Fit]:
    """Return the profile that is used, the others that fit, and the nearest that do not, with all of the user's own."""
    fitting = profiles.fitting(header, key)
    found = [Fit(b.profile.name, taken=False, fits=True, why=_why_not(profiles, fitting[0], b)) for b in fitting[1:]]
    if fitting:
        found.insert(0, Fit(fitting[0].profile.name, taken=True, fits=True, why=_why_taken(profiles, fitting[0])))
    fit = {id(binding.profile) for binding in fitting}
    others = [
        profile
        for profile in profiles.profiles
        # A user asks first why an own profile does not fit, however far it is from the header.
        if id(profile) not in fit and (profile in profiles.own or _known(profile, header) > 0)
    ]
    others.sort(key=lambda profile: (profile not in profiles.own, -_known(profile, header), profile.name))
    shown = others[: len(profiles.own) + _NEAREST]
    return found + [Fit(p.name, taken=False, fits=False, why="; ".join(lacks(p, header, key))) for p in shown]


def lacks(profile: Profile, header: Sequence[str], key: Origin | str) -> list[str]:
    """Return the reasons why a profile does not fit, each as a sentence without a full stop."""
    names = profile.names_in(header)
    match = profile.match
    found = [f"no source for {column} (from {sources_of(profile, column)})" for column in profile.missing(header)]
    if match.one_of and not any(all(name in names for name in wanted) for wanted in match.one_of):
        found.append(f"the header has no {_closest(match.one_of, names)}")
    found += [f"it is not for headers with {name!r}" for name in match.none if name in names]
    found += [_not_of_it(match, origin_of(key))] if not match.fits_origin(origin_of(key)) else []
    found += [
        f"no column {' or '.join(map(repr, entry.names))} to tell charges from other records"
        for entry in profile.records.only
        if profile.cells_in(header).position(entry.names) is None
    ]
    if profile.unpivot and not profile.unpivot.positions(header):
        found.append(f"no column {' or '.join(map(repr, profile.unpivot.keep))} beside others that become records")
    if not found and bind(profile, header, key) is None:
        found.append("the header has a part only of what it computes with")
    return found


def _not_of_it(match: Match, origin: Origin) -> str:
    """Return why an export is none of those that a profile is for."""
    datasets = " or ".join(repr(one) for one in match.datasets if one)
    if match.datasets and origin.dataset is not None:
        return f"the manifest tells the dataset {origin.dataset!r}, and it is for {datasets}"
    if match.keys:
        return f"the key {origin.key!r} is not like {' or '.join(map(repr, match.keys))}"
    return f"no manifest tells that the dataset is {datasets}"


def _closest(one_of: Sequence[Sequence[str]], names: Header) -> str:
    """Return the names that the header lacks for one of the sets, for the set that lacks the fewest."""
    absent = [[repr(name) for name in wanted if name not in names] for wanted in one_of]
    least = min(map(len, absent))
    shortest = list(dict.fromkeys(" and ".join(some) for some in absent if len(some) == least))
    return f"{' or '.join(shortest[:_NEAREST])}{' or …' if len(shortest) > _NEAREST else ''}"


def _why_taken(profiles: ProfileRegistry, binding: Binding) -> str:
    match = binding.profile.match
    whose = "a profile of your own" if _is_own(profiles, binding) else "built in"
    reasons = [whose]
    if binding.profile.refuse is None:
        reasons.append(f"{len(binding.used_of_header)} of {len(binding.header)} header columns are used")
    if match.needs:
        reasons.append(f"there is a source for {', '.join(match.needs)}")
    if match.one_of:
        names = binding.profile.names_in(binding.header)
        there = next(wanted for wanted in match.one_of if all(name in names for name in wanted))
        reasons.append(f"the header has {', '.join(map(repr, there))}")
    if match.keys:
        reasons.append(f"the key is like {' or '.join(map(repr, match.keys))}")
    return "; ".join(reasons)


def _why_not(profiles: ProfileRegistry, taken: Binding, other: Binding) -> str:
    # The order of precedence of `ProfileRegistry.fitting`, rule by rule: the first that differs is the reason.
    name = taken.profile.name
    if _is_own(profiles, taken) and not _is_own(profiles, other):
        return f"it is built in, and {name} is a profile of your own"
    if taken.profile.refuse is not None and other.profile.refuse is None:
        return f"{name} refuses such files: they are not charges"
    if taken.profile.match.keys and not other.profile.match.keys:
        return f"{name} also asks for a key such as this one"
    if taken.recognised > other.recognised:
        return f"{name} uses more header columns ({taken.recognised}, this one {other.recognised})"
    if taken.profile.depth > other.profile.depth:
        return f"{name} extends more profiles, so it is more specific"
    return f"both fit equally well, and {name} is first by name"


def _is_own(profiles: ProfileRegistry, binding: Binding) -> bool:
    return any(binding.profile is profile for profile in profiles.own)


def _known(profile: Profile, header: Sequence[str]) -> int:
    """Return how many columns the header could fill; 0 for a profile that refuses files."""
    # Any column is one to unpivot: only those that stay tell that the table is of this kind.
    if profile.unpivot and not any(name in profile.names_in(header) for name in profile.unpivot.keep):
        return 0
    columns = tuple(name for name, source in profile.columns.items() if source.constant is None)
    return len(columns) - len(profile.missing(header, columns))
