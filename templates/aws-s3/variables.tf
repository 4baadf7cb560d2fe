# Limits, titles and defaults are those of template.yaml, which Flagstone checks before Terraform starts.

variable "bucket_name" {
  type     = string
  nullable = false
}

variable "random_suffix" {
  type     = bool
  nullable = false
  default  = false
}

variable "versioning_enabled" {
  type     = bool
  nullable = false
  default  = false
}

variable "encryption_enabled" {
  type     = bool
  nullable = false
  default  = true
}

variable "kms" {
  type = object({
    key_arn            = string
    bucket_key_enabled = optional(bool, true)
  })
  default = null
}

variable "public_read_access" {
  type     = bool
  nullable = false
  default  = false
}

variable "lifecycle_rules" {
  type = list(object({
    id      = string
    enabled = optional(bool, true)
    prefix  = optional(string, "")
    transitions = optional(list(object({
      days          = number
      storage_class = string
    })), [])
    expiration_days                        = optional(number)
    noncurrent_version_expiration_days     = optional(number)
    abort_incomplete_multipart_upload_days = optional(number)
  }))
  nullable = false
  default  = []
}

variable "website" {
  type = object({
    index_document = optional(string, "index.html")
    error_document = optional(string)
  })
  default = null
}

variable "cors" {
  type = list(object({
    allowed_origins = list(string)
    allowed_methods = list(string)
    allowed_headers = optional(list(string), [])
    expose_headers  = optional(list(string), [])
    max_age_seconds = optional(number, 3600)
  }))
  nullable = false
  default  = []
}

variable "notifications" {
  type = list(object({
    id            = string
    target_arn    = string
    events        = list(string)
    filter_prefix = optional(string, "")
    filter_suffix = optional(string, "")
  }))
  nullable = false
  default  = []
}

variable "force_destroy" {
  type     = bool
  nullable = false
  default  = false
}

variable "tags" {
  type     = map(string)
  nullable = false
  default  = {}
}
