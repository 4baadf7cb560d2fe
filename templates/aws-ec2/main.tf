# One instance with its root volume, and the address it keeps. What it may write to is in logs.tf.

locals {
  # Keys of the inputs begin with a lower-case letter, so that nothing collides with the name.
  tags = merge(var.tags, { Name = var.name })

  # io1 and io2 have no IOPS of their own: as many as a gp3 volume has, where the size allows.
  iops_per_gb = { io1 = 50, io2 = 500 }
  iops        = var.root_volume_iops != null ? var.root_volume_iops : try(min(3000, local.iops_per_gb[var.root_volume_type] * var.root_volume_size_gb), null)
}

resource "aws_instance" "this" {
  ami                    = var.ami_id
  instance_type          = var.instance_type
  key_name               = var.key_pair_name
  subnet_id              = var.subnet_id
  vpc_security_group_ids = var.security_group_ids
  monitoring             = var.monitoring
  iam_instance_profile   = one(aws_iam_instance_profile.logs[*].name)
  tags                   = local.tags

  # It runs at the first boot only: a change that did not replace the instance would change nothing.
  user_data                   = var.user_data
  user_data_replace_on_change = true

  # Without a session token, whoever makes the instance fetch a URL could read the credentials of its role.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_size = var.root_volume_size_gb
    volume_type = var.root_volume_type
    iops        = local.iops
    throughput  = var.root_volume_throughput
    encrypted   = true
    tags        = local.tags
  }

  lifecycle {
    # AWS would refuse it too, but only in the apply, after people have approved it.
    precondition {
      condition     = !contains(["sc1", "st1"], var.root_volume_type)
      error_message = "AWS does not boot from volumes of the types sc1 and st1. Choose gp3 as root_volume_type."
    }
  }
}

resource "aws_eip" "this" {
  count  = var.elastic_ip ? 1 : 0
  domain = "vpc"
  tags   = local.tags
}

resource "aws_eip_association" "this" {
  count         = var.elastic_ip ? 1 : 0
  allocation_id = aws_eip.this[0].id
  instance_id   = aws_instance.this.id
}
