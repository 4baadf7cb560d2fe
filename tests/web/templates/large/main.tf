# No provider: everything here is built into Terraform.

terraform {
  required_version = ">= 1.5"
}

variable "resources" {
  type = number
}

resource "terraform_data" "one" {
  count = var.resources

  input = {
    ordinal = count.index
    text    = "resource ${count.index}"
  }
}
