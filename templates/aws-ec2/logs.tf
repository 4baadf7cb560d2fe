# A log group, and a role with which the instance may write to it and do nothing else.

locals {
  logs = var.log_retention_days > 0 ? 1 : 0
}

# Names of log groups are unique in an account and region, names of instances are not. This part is drawn once, so that
# the logs outlive an instance that is replaced.
resource "terraform_data" "logs" {
  count = local.logs
}

resource "aws_cloudwatch_log_group" "this" {
  count             = local.logs
  name              = "/flagstone/ec2/${replace(var.name, " ", "-")}-${substr(terraform_data.logs[0].id, 0, 8)}"
  retention_in_days = var.log_retention_days
  tags              = local.tags

  lifecycle {
    # An instance that gets another name keeps its logs.
    ignore_changes = [name]
  }
}

resource "aws_iam_role" "logs" {
  count       = local.logs
  name_prefix = "flagstone-ec2-"
  description = "Lets one EC2 instance write its logs."
  tags        = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "logs" {
  count       = local.logs
  name_prefix = "logs-"
  role        = aws_iam_role.logs[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      Resource = [aws_cloudwatch_log_group.this[0].arn, "${aws_cloudwatch_log_group.this[0].arn}:*"]
    }]
  })
}

resource "aws_iam_instance_profile" "logs" {
  count       = local.logs
  name_prefix = "flagstone-ec2-"
  role        = aws_iam_role.logs[0].name
  tags        = local.tags
}
