# Who may read the bucket. ACLs stay blocked in any case: public access is one policy, visible in the plan.

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = !var.public_read_access
  restrict_public_buckets = !var.public_read_access
}

resource "aws_s3_bucket_policy" "public_read" {
  count  = var.public_read_access ? 1 : 0
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PublicRead"
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.this.arn}/*"
    }]
  })

  # AWS refuses a public policy while the block is on.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
