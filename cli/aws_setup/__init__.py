"""The AWS side of a billstream: bucket, queue, dead-letter queue, and the notification that joins them."""

from billstream.cli.aws_setup.report import AwsReport, Outcome, Resource
from billstream.cli.aws_setup.setup import set_up_aws

__all__ = ["AwsReport", "Outcome", "Resource", "set_up_aws"]
