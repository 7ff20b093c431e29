"""The page of the policies: each as JSON, from the CloudFormation template."""

import json

from tests.deploy.template import policies


def policies_page() -> str:
    """Return the page."""
    lines = [
        "# Policies for AWS",
        "",
        "What each process may do, from `deploy/aws/billstream.yaml`. Replace what is in angle brackets; leave out the",
        "keys, the topic and the bucket of backups that you do not have. The prefixes `data/`, `insights/` and",
        "`billstream/` are those of `BILLSTREAM_DATA_PATH`, of `BILLSTREAM_INSIGHTS_DIR` and of the backups, and",
        "several billing buckets are several resources.",
        "",
    ]
    for policy in policies():
        lines += [f"## {policy.role.capitalize()}", "", f"For {policy.commands}.", ""]
        lines += [
            "```json",
            json.dumps(policy.document, indent=2),
            "```",
            "",
            "Needed, although no call of ours shows it:",
            "",
        ]
        lines += [f"* `{action}`: {reason}" for action, reason in policy.not_observed.items()]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
