# The network, its subnets and the ways out of it. Subnets are keyed by zone: a zone that is added or left out does not
# touch the others.

locals {
  # Keys of the inputs begin with a lower-case letter, so that nothing collides with the name.
  tags = merge(var.tags, { Name = var.name })

  # The lists are in the order of the zones. A list that is too short ends in the precondition below.
  public  = { for index, zone in var.availability_zones : zone => var.public_subnet_cidrs[index] if index < length(var.public_subnet_cidrs) }
  private = { for index, zone in var.availability_zones : zone => var.private_subnet_cidrs[index] if index < length(var.private_subnet_cidrs) }

  # Where NAT gateways stand, and through which of them each zone goes out.
  nat_zones = {
    none         = []
    single       = slice(var.availability_zones, 0, 1)
    one_per_zone = var.availability_zones
  }[var.nat_gateway]
  nat_of = { for zone in keys(local.private) : zone => contains(local.nat_zones, zone) ? zone : local.nat_zones[0] if length(local.nat_zones) > 0 }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr_block
  enable_dns_support   = var.enable_dns_support
  enable_dns_hostnames = var.enable_dns_hostnames
  tags                 = local.tags

  lifecycle {
    # Flagstone has refused this before. Here it keeps whoever runs the template by hand from losing subnets.
    precondition {
      condition     = alltrue([for list in [var.public_subnet_cidrs, var.private_subnet_cidrs] : contains([0, length(var.availability_zones)], length(list))])
      error_message = "Give one public and one private subnet for each availability zone, or none at all."
    }
  }
}

# Every VPC has it, and AWS lets everything in it talk to everything else in it. Without rules it lets nothing through.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = "${var.name}-default" })
}

resource "aws_subnet" "public" {
  for_each          = local.public
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = merge(local.tags, { Name = "${var.name}-public-${each.key}" })

  # What is to be reached from outside asks for an address of its own.
  map_public_ip_on_launch = false
}

resource "aws_subnet" "private" {
  for_each          = local.private
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = merge(local.tags, { Name = "${var.name}-private-${each.key}" })
}

resource "aws_internet_gateway" "this" {
  count  = length(local.public) > 0 ? 1 : 0
  vpc_id = aws_vpc.this.id
  tags   = local.tags
}

resource "aws_route_table" "public" {
  count  = length(local.public) > 0 ? 1 : 0
  vpc_id = aws_vpc.this.id
  tags   = merge(local.tags, { Name = "${var.name}-public" })
}

resource "aws_route" "internet" {
  count                  = length(local.public) > 0 ? 1 : 0
  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  for_each = toset(local.nat_zones)
  domain   = "vpc"
  tags     = merge(local.tags, { Name = "${var.name}-nat-${each.key}" })

  # An address of a network without a gateway to the internet cannot be used.
  depends_on = [aws_internet_gateway.this]
}

resource "aws_nat_gateway" "this" {
  for_each      = toset(local.nat_zones)
  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = merge(local.tags, { Name = "${var.name}-${each.key}" })

  depends_on = [aws_route.internet]
}

# A table for each zone in any case, so that another kind of NAT changes routes and nothing else.
resource "aws_route_table" "private" {
  for_each = local.private
  vpc_id   = aws_vpc.this.id
  tags     = merge(local.tags, { Name = "${var.name}-private-${each.key}" })
}

resource "aws_route" "nat" {
  for_each               = local.nat_of
  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[each.value].id
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}
