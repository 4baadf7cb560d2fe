# The source of the plan documents in this directory; make.sh tells how each was made.
variable "greeting" {
  type    = string
  default = "hello"
}

variable "token" {
  type      = string
  sensitive = true
  default   = "planted-secret-value"
}

variable "read" {
  type    = bool
  default = false
}

resource "terraform_data" "files" {
  for_each = toset(["a", "b"])
  input    = { name = each.key, text = var.greeting, nested = { secret = var.token, list = [1, 2, var.token] } }
}

resource "terraform_data" "fixed" {
  input            = var.greeting
  triggers_replace = [var.greeting]
}

data "terraform_remote_state" "x" {
  count   = var.read ? 1 : 0
  backend = "local"
  config  = { path = terraform_data.fixed.id }
}

output "greeting" {
  value = terraform_data.fixed.output
}

output "token" {
  value     = var.token
  sensitive = true
}

check "greeting" {
  assert {
    condition     = var.greeting != "bye"
    error_message = "The greeting is ${var.greeting}."
  }
}
