# The stack of deploy/aws/billstream.yaml, for those who run everything with Terraform. It makes nothing beside it, so
# queues, policies and alarms are written down once.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_cloudformation_stack" "billstream" {
  name          = var.name
  template_body = file("${path.module}/../aws/billstream.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM"]

  parameters = merge(var.parameters, {
    Name          = var.name
    BillingBucket = var.billing_bucket
    LakeBucket    = var.lake_bucket
  })

  # What holds data outlives the stack, but to make it again under the same names would fail.
  lifecycle {
    prevent_destroy = true
  }
}
