# A bundle of configuration entries that lives in Terraform state alone. `terraform_data` is built into Terraform, so
# no provider is downloaded and no network is used.

terraform {
  required_version = ">= 1.5"
}

locals {
  # jsonencode sorts the keys of a map: equal entries have equal digests.
  digest = sha256(jsonencode(var.entries))
}

resource "terraform_data" "bundle" {
  input = {
    name          = var.name
    entries       = var.entries
    digest        = local.digest
    revision_note = var.revision_note
  }

  # Entries change in place; another label is another bundle.
  triggers_replace = var.label
}

resource "terraform_data" "replica" {
  count = var.replicas

  input = {
    ordinal = count.index
    digest  = local.digest
  }

  triggers_replace = terraform_data.bundle.id
}

# Provisioners run on creation only, so each new digest and each new bundle makes a new rollout.
resource "terraform_data" "rollout" {
  count = var.rollout_seconds > 0 ? 1 : 0

  triggers_replace = {
    bundle = terraform_data.bundle.id
    digest = local.digest
  }

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-c"]
    command     = <<-SCRIPT
      second=0
      while [ "$second" -lt "$ROLLOUT_SECONDS" ]; do
        sleep 1
        second=$((second + 1))
        echo "rollout: second $second of $ROLLOUT_SECONDS"
      done
    SCRIPT
    environment = {
      ROLLOUT_SECONDS = var.rollout_seconds
    }
  }

  depends_on = [terraform_data.replica]
}
