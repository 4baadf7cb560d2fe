# Limits, titles and defaults are those of template.yaml, which Flagstone checks before Terraform starts.

variable "name" {
  type     = string
  nullable = false
}

variable "label" {
  type     = string
  nullable = false
}

variable "entries" {
  type     = map(string)
  nullable = false
}

variable "revision_note" {
  type     = string
  nullable = false
  default  = ""
}

variable "rollout_seconds" {
  type     = number
  nullable = false
  default  = 0
}

variable "replicas" {
  type     = number
  nullable = false
  default  = 1
}
