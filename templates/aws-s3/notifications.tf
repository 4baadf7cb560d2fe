# Event notifications. The third field of an ARN names its service, which decides the kind of target.

locals {
  notifications = {
    for service in ["lambda", "sns", "sqs"] :
    service => [for each in var.notifications : each if split(":", each.target_arn)[2] == service]
  }
}

resource "aws_s3_bucket_notification" "this" {
  count  = length(var.notifications) > 0 ? 1 : 0
  bucket = aws_s3_bucket.this.id

  dynamic "lambda_function" {
    for_each = local.notifications.lambda

    content {
      id                  = lambda_function.value.id
      lambda_function_arn = lambda_function.value.target_arn
      events              = lambda_function.value.events
      filter_prefix       = lambda_function.value.filter_prefix
      filter_suffix       = lambda_function.value.filter_suffix
    }
  }

  dynamic "queue" {
    for_each = local.notifications.sqs

    content {
      id            = queue.value.id
      queue_arn     = queue.value.target_arn
      events        = queue.value.events
      filter_prefix = queue.value.filter_prefix
      filter_suffix = queue.value.filter_suffix
    }
  }

  dynamic "topic" {
    for_each = local.notifications.sns

    content {
      id            = topic.value.id
      topic_arn     = topic.value.target_arn
      events        = topic.value.events
      filter_prefix = topic.value.filter_prefix
      filter_suffix = topic.value.filter_suffix
    }
  }
}
