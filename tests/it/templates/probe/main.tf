# No provider: everything here is built into Terraform.

terraform {
  required_version = ">= 1.5"
}

variable "label" {
  type = string
}

variable "note" {
  type = string
}

# Deliberately not `sensitive`: what hides it must be the platform, not the template.
variable "token" {
  type = string
}

variable "gate" {
  type = string
}

variable "script" {
  type = string
}

variable "round" {
  type = number
}

resource "terraform_data" "thing" {
  input = {
    note  = var.note
    token = var.token
  }

  triggers_replace = var.label

  lifecycle {
    precondition {
      condition     = var.gate == "" ? true : fileexists(var.gate)
      error_message = "The gate is closed."
    }
  }
}

resource "terraform_data" "work" {
  count = var.script == "" ? 0 : 1

  triggers_replace = [terraform_data.thing.id, var.script, var.round]

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    command     = var.script
    environment = {
      TOKEN = var.token
    }
  }
}

output "thing" {
  value = terraform_data.thing.id
}

output "label" {
  value = var.label
}
