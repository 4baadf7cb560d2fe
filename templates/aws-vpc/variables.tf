# Limits, titles and defaults are those of template.yaml, which Flagstone checks before Terraform starts.

variable "name" {
  type     = string
  nullable = false
  default  = "vpc"
}

variable "cidr_block" {
  type     = string
  nullable = false
  default  = "10.0.0.0/16"
}

variable "enable_dns_support" {
  type     = bool
  nullable = false
  default  = true
}

variable "enable_dns_hostnames" {
  type     = bool
  nullable = false
  default  = true
}

variable "availability_zones" {
  type     = list(string)
  nullable = false
}

variable "public_subnet_cidrs" {
  type     = list(string)
  nullable = false
  default  = []
}

variable "private_subnet_cidrs" {
  type     = list(string)
  nullable = false
  default  = []
}

variable "nat_gateway" {
  type     = string
  nullable = false
  default  = "none"
}

variable "flow_log_retention_days" {
  type     = number
  nullable = false
  default  = 0
}

variable "tags" {
  type     = map(string)
  nullable = false
  default  = {}
}
