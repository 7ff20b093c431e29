output "environment" {
  description = "The environment of every process, but for BILLSTREAM_CATALOG."
  value       = aws_cloudformation_stack.billstream.outputs["Environment"]
}

output "outputs" {
  description = "Every output of the stack by its name: URLs of the queues, roles and policies."
  value       = aws_cloudformation_stack.billstream.outputs
}
