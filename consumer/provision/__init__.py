"""The AWS resources of a billstream: bucket, queue, dead-letter queue, and the notification that connects them."""

from billstream.consumer.provision.resources import AwsReport, Outcome, Resource
from billstream.consumer.provision.setup import set_up_aws

__all__ = ["AwsReport", "Outcome", "Resource", "set_up_aws"]
