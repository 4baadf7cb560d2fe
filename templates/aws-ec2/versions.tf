terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 6.0"
    }
  }
}

# Region, credentials and endpoint come from the runner's environment (AWS_REGION, AWS_ACCESS_KEY_ID,
# AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL), never from the template: the same version of it runs against AWS and
# against a stand-in. An endpoint given by IP address is addressed by path, any other by host name.
provider "aws" {}
