"""The CloudFormation template as data: its resources, and each policy with its functions resolved to plain JSON."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "deploy" / "aws" / "billstream.yaml"
ROLES = ("init", "consumer", "aggregator", "maintain", "backup", "operator", "reader")

ABSENT = object()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions; an alias would be refused by CloudFormation."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - yaml's
        assert not self.check_event(yaml.AliasEvent), "CloudFormation takes no aliases"
        return super().compose_node(parent, index)


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _function)


def read_template() -> dict[str, Any]:
    """Return the template."""
    loaded = yaml.load(TEMPLATE.read_text(), _Loader)  # noqa: S506 - a safe loader
    assert isinstance(loaded, dict)
    return loaded


@dataclass(frozen=True)
class Policy:
    """The policy of one role: its document with placeholders such as `<billing bucket>`, and what no call shows."""

    role: str
    commands: str
    not_observed: Mapping[str, str]
    document: Mapping[str, Any]

    def granted(self) -> set[tuple[str, str]]:
        """Every action, with every resource that it is granted on."""
        return set(self._grants())

    def _grants(self) -> Iterator[tuple[str, str]]:
        for statement in self.document["Statement"]:
            assert statement["Effect"] == "Allow"
            for action in _list(statement["Action"]):
                assert "*" not in action
                yield from ((action, resource) for resource in _list(statement["Resource"]))


NAMES = {
    "AWS::Partition": "aws",
    "BillingBucket": "<billing bucket>",
    "LakeBucket": "<lake bucket>",
    "BackupBucket": "<backup bucket>",
    "BackupPrefix": "billstream/",
    "DataPrefix": "data/",
    "InsightsPrefix": "insights/",
    "KeyArn": "<key arn>",
    "BillingKeyArn": "<billing key arn>",
    "AlertTopicArn": "<alert topic arn>",
}
ATTRIBUTES = {
    "Queue.Arn": "arn:aws:sqs:<region>:<account>:billstream",
    "DeadLetterQueue.Arn": "arn:aws:sqs:<region>:<account>:billstream-dlq",
    "Key.Arn": "<key arn>",
}
TRUE = {"MakesKey", "HasBillingKey", "HasAlertTopic", "HasBackupBucket"}


def policies() -> list[Policy]:
    """Return the policies of all roles, with a key, a billing key, a bucket of backups and an alert topic."""
    resources = read_template()["Resources"]
    found = []
    for role in ROLES:
        policy = resources[f"{role.capitalize()}Policy"]
        note = policy["Metadata"]["Billstream"]
        document = _resolved(policy["Properties"]["PolicyDocument"])
        found.append(Policy(role, note["Commands"], note["NotObserved"], document))
    return found


def _resolved(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [one for one in map(_resolved, value) if one is not ABSENT]
    if not isinstance(value, dict):
        return value
    ((name, argument), *more) = value.items()
    if not more and name in FUNCTIONS:
        return FUNCTIONS[name](argument)
    return {name: one for name, one in ((name, _resolved(one)) for name, one in value.items()) if one is not ABSENT}


def _text(template: str) -> str:
    for name, text in NAMES.items():
        template = template.replace(f"${{{name}}}", text)
    return template


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "Ref": lambda name: ABSENT if name == "AWS::NoValue" else NAMES[name],
    "Fn::GetAtt": lambda name: ATTRIBUTES[name],
    "Fn::Sub": _text,
    "Fn::If": lambda branches: _resolved(branches[1 if branches[0] in TRUE else 2]),
}


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else [value]
