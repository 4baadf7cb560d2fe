#!/bin/sh
# Makes the plan documents beside it, with Terraform and nothing else: sh make.sh <directory of this file> in an empty directory.
set -eu
here=$1
plan() { name=$1; shift; terraform plan -input=false -out="$name.tfplan" "$@" >/dev/null; terraform show -json "$name.tfplan" >"$here/$name.json"; }
cp "$here/main.tf" .
terraform init -input=false >/dev/null
plan create -var read=true
sleep 1
plan create-again -var read=true
terraform apply -input=false -auto-approve >/dev/null
plan no-change
plan update -var greeting=bye -var token=other-planted-secret
plan destroy -destroy
sed -e 's/terraform_data" "fixed"/terraform_data" "renamed"/' -e 's/terraform_data\.fixed/terraform_data.renamed/' main.tf >moved.tf
printf 'moved {\n  from = terraform_data.fixed\n  to   = terraform_data.renamed\n}\n' >>moved.tf
mv main.tf main.tf.kept
plan moved
