output "instance_id" {
  value = aws_instance.this.id
}

output "instance_arn" {
  value = aws_instance.this.arn
}

output "availability_zone" {
  value = aws_instance.this.availability_zone
}

output "private_ip" {
  value = aws_instance.this.private_ip
}

output "private_dns" {
  value = aws_instance.this.private_dns
}

output "public_ip" {
  value = var.elastic_ip ? aws_eip.this[0].public_ip : aws_instance.this.public_ip == "" ? null : aws_instance.this.public_ip
}

output "log_group" {
  value = one(aws_cloudwatch_log_group.this[*].name)
}
