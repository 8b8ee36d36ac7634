# Small instances that run `goldrun serve`, with a role instead of keys: one works, the second waits.
#
#   goldrun policy --for serve > policy.json
#   terraform init
#   terraform apply -var region=cn-hangzhou -var vswitch=vsw-… -var security_group=sg-… -var image=… \
#     -var config=runners.toml -var github_app_id=Iv23…
#
# The App's private key is in no variable, state or user data. Send it to each instance, by Cloud Assistant; the server
# starts when it is there:
#
#   aliyun ecs SendFile --RegionId cn-hangzhou --InstanceId.1 i-… --Name app.pem --TargetDir /etc/goldrun \
#     --ContentType Base64 --Content "$(base64 -w 0 app.pem)" --FileMode 0400

terraform {
  required_version = ">= 1.5"
  required_providers {
    alicloud = {
      source  = "aliyun/alicloud"
      version = "~> 1.230"
    }
  }
}

variable "vswitch" {
  type        = string
  description = "Where the server runs; it needs a way out (NAT), and no way in."
}

variable "security_group" {
  type        = string
  description = "The server's security group."
}

variable "image" {
  type        = string
  description = "An image with Python 3.11 or newer, such as Ubuntu 24.04."
}

variable "instance_type" {
  type        = string
  description = "Two vCPUs and 2 GiB serve 20,000 jobs an hour."
  default     = "ecs.u1-c1m1.large"
}

variable "config" {
  type        = string
  description = "The file with the profiles."
}

variable "github_app_id" {
  type        = string
  description = "The client id of the GitHub App."
}

variable "region" {
  type        = string
  description = "Where the runners are launched."
}

variable "servers" {
  type        = number
  description = "How many servers: one works, the others wait."
  default     = 2
}

resource "alicloud_ram_role" "server" {
  role_name = "goldrun-serve"
  assume_role_policy_document = jsonencode({
    Version = "1"
    Statement = [{
      Action    = "sts:AssumeRole"
      Effect    = "Allow"
      Principal = { Service = ["ecs.aliyuncs.com"] }
    }]
  })
}

resource "alicloud_ram_policy" "server" {
  policy_name = "goldrun-serve"
  # goldrun policy --for serve > policy.json
  policy_document = file("${path.module}/policy.json")
}

resource "alicloud_ram_role_policy_attachment" "server" {
  role_name   = alicloud_ram_role.server.role_name
  policy_name = alicloud_ram_policy.server.policy_name
  policy_type = alicloud_ram_policy.server.type
}

resource "alicloud_instance" "server" {
  count = var.servers

  instance_name              = "goldrun-serve-${count.index + 1}"
  instance_type              = var.instance_type
  image_id                   = var.image
  vswitch_id                 = var.vswitch
  security_groups            = [var.security_group]
  role_name                  = alicloud_ram_role.server.role_name
  system_disk_category       = "cloud_essd"
  system_disk_size           = 20
  internet_max_bandwidth_out = 0
  http_endpoint              = "enabled"
  http_tokens                = "required"

  user_data = base64encode(templatefile("${path.module}/server.sh.tftpl", {
    config = base64encode(file(var.config))
    unit   = base64encode(file("${path.module}/../goldrun-serve.service"))
    app_id = var.github_app_id
    region = var.region
  }))

  depends_on = [alicloud_ram_role_policy_attachment.server]
}

output "instances" {
  value = alicloud_instance.server[*].id
}
