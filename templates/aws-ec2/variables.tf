# Limits, titles and defaults are those of template.yaml, which Flagstone checks before Terraform starts.

variable "name" {
  type     = string
  nullable = false
}

variable "instance_type" {
  type     = string
  nullable = false
  default  = "t3.micro"
}

variable "ami_id" {
  type     = string
  nullable = false
}

variable "key_pair_name" {
  type     = string
  nullable = false
}

variable "security_group_ids" {
  type     = list(string)
  nullable = false
}

variable "subnet_id" {
  type    = string
  default = null
}

variable "user_data" {
  type    = string
  default = null
}

variable "monitoring" {
  type     = bool
  nullable = false
  default  = false
}

variable "root_volume_size_gb" {
  type     = number
  nullable = false
  default  = 20
}

variable "root_volume_type" {
  type     = string
  nullable = false
  default  = "gp3"
}

variable "root_volume_iops" {
  type    = number
  default = null
}

variable "root_volume_throughput" {
  type    = number
  default = null
}

variable "elastic_ip" {
  type     = bool
  nullable = false
  default  = false
}

variable "log_retention_days" {
  type     = number
  nullable = false
  default  = 0
}

variable "tags" {
  type     = map(string)
  nullable = false
  default  = {}
}
