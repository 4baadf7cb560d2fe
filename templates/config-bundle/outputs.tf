output "bundle_id" {
  value = terraform_data.bundle.id
}

output "digest" {
  value = local.digest
}

output "entries_count" {
  value = length(var.entries)
}

output "access_key" {
  value     = substr(sha256("access:${terraform_data.bundle.id}"), 0, 40)
  sensitive = true
}
