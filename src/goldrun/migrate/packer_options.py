"""What stands for the options of Packer's builder ``alicloud-ecs`` that recipes have no equal of."""

from __future__ import annotations

_CREDENTIALS = "credentials come from the environment, as for every command"
_NETWORK = "not in the recipe: ALIYUN_VPC_ID, ALIYUN_VSWITCH_ID, ALIYUN_SECURITY_GROUP_ID"
_SSH = "not needed: scripts run by Cloud Assistant, without ssh"
_ADDRESS = "not needed: without ssh the builder needs no public address, only a way out (NAT)"
_LATER = "recipes do not support it yet"

OPTIONS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("access_key", "secret_key", "security_token", "profile", "shared_credentials_file", "ram_role_arn"),
            *("ram_session_name", "alicloud_ram_role", "skip_region_validation"),
        ),
        _CREDENTIALS,
    ),
    **dict.fromkeys(
        (
            *("vpc_id", "vpc_name", "vpc_cidr_block", "vswitch_id", "vswitch_name", "security_group_id"),
            *("security_group_name", "zone_id", "internet_charge_type", "internet_max_bandwidth_out"),
        ),
        _NETWORK,
    ),
    **dict.fromkeys(
        (
            *("communicator", "ssh_username", "ssh_password", "ssh_port", "ssh_timeout", "ssh_private_ip"),
            *("ssh_keypair_name", "ssh_private_key_file", "ssh_agent_auth", "temporary_key_pair_name"),
            *("ssh_clear_authorized_keys", "ssh_interface", "ssh_host", "pause_before_connecting"),
        ),
        _SSH,
    ),
    **dict.fromkeys(("associate_public_ip_address", "eip_id"), _ADDRESS),
    "custom_endpoint_ecs": "not in the recipe: GOLDRUN_ENDPOINT",
    "region": "not in the recipe: ALIYUN_REGION_ID, or --region",
    "instance_type": "cpu and memory under [builder]: goldrun takes the cheapest type of that size",
    "instance_name": "not needed: builders are named after the recipe",
    "description": "not needed: builders are named after the recipe",
    "user_data": "write it as a step",
    "user_data_file": "write it as a step",
    "ram_role_name": _LATER,
    **dict.fromkeys(("tags", "tag", "run_tags", "run_tag"), "[tags], with values that are known before the build"),
    "image_version": "not needed: a version is the time of its build",
    "image_share_account": "accounts under [publish]",
    "image_unshare_account": "after the build: goldrun image unshare VERSION --account ID",
    "image_copy_regions": "regions under [publish]",
    "image_copy_names": "not needed: a copy has its version's name",
    "image_force_delete": "not needed: a new version does not replace the old one, and old ones are pruned",
    "image_force_delete_snapshots": "not needed: goldrun image prune deletes images with their snapshots",
    "image_force_delete_instances": "not supported: an image in use is not deleted",
    "image_ignore_data_disks": "not needed: an image has the data disks of its recipe alone, [[disks]]",
    "image_encrypted": "encrypted under [builder]",
    "target_image_family": "not needed: the family is the recipe's",
    "boot_mode": _LATER,
    "skip_create_image": "goldrun image build --no-publish tries a recipe",
    "skip_image_validation": "not needed: names are checked before anything is created",
    "wait_snapshot_ready_timeout": "[limits] build",
    "wait_copying_image_ready_timeout": "not needed",
    "io_optimized": "not needed: all current instance types are",
    "disable_stop_instance": "not supported: an image is created from a stopped builder",
    "security_enhancement_strategy": "not needed",
    "system_disk_mapping": "disk under [builder] for its size; category and others are chosen",
    "image_disk_mappings": "data disks are [[disks]], each with its mount point",
    "execute_command": "not needed: a step runs as root",
    "max_retries": "a step runs once: let the script try again",
    "pause_before": "not needed: a step begins when the previous one has ended",
    "pause_after": "not needed: a step begins when the previous one has ended",
    "timeout": "timeout in [[steps]]",
    "only": "a step is for all builds of the recipe",
    "except": "a step is for all builds of the recipe",
    "valid_exit_codes": "a step must exit with 0",
    "expect_disconnect": "reboot = true in [[steps]]",
    "start_retry_timeout": "reboot = true in [[steps]]",
    "remote_folder": "not needed",
    "remote_path": "not needed",
    "skip_clean": "not needed",
}

PROVISIONERS: dict[str, str] = {
    "ansible": "playbook in [[steps]]; an earlier step installs Ansible",
    "ansible-local": "playbook in [[steps]]; an earlier step installs Ansible",
    "shell-local": "a step of the workflow before the build: a recipe runs on the builder alone",
    "breakpoint": "not needed: goldrun image build --on-failure keep, then goldrun instance ssh",
    "powershell": "recipes are for Linux",
    "windows-restart": "recipes are for Linux",
    "windows-shell": "recipes are for Linux",
}
