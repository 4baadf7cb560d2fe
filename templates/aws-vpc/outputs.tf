output "vpc_id" {
  value = aws_vpc.this.id
}

output "vpc_arn" {
  value = aws_vpc.this.arn
}

output "cidr_block" {
  value = aws_vpc.this.cidr_block
}

output "public_subnet_ids" {
  value = [for zone in var.availability_zones : aws_subnet.public[zone].id if contains(keys(local.public), zone)]
}

output "private_subnet_ids" {
  value = [for zone in var.availability_zones : aws_subnet.private[zone].id if contains(keys(local.private), zone)]
}

output "default_security_group_id" {
  value = aws_default_security_group.this.id
}

output "nat_gateway_ips" {
  value = [for zone in local.nat_zones : aws_eip.nat[zone].public_ip]
}

output "flow_log_group" {
  value = one(aws_cloudwatch_log_group.flow[*].name)
}
