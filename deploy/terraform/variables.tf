variable "name" {
  description = "Name of the stack and of the queue, and first part of every other name."
  type        = string
  default     = "billstream"
}

variable "billing_bucket" {
  description = "Bucket that vendors deliver billing files to."
  type        = string
}

variable "lake_bucket" {
  description = "Bucket of the Parquet files and the insights. It must not be the billing bucket."
  type        = string
}

variable "parameters" {
  description = "Other parameters of the template by their names, such as { CreateBillingBucket = \"no\" }."
  type        = map(string)
  default     = {}
}
