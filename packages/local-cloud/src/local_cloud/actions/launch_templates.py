"""Launch templates and their versions, and what a launch takes from one.

Sources: CreateLaunchTemplate, CreateLaunchTemplateVersion, RunInstances and the other actions' pages.
"""

from __future__ import annotations

from msgspec.structs import replace

from local_cloud.actions.owned import own
from local_cloud.actions.paging import page_by_number
from local_cloud.actions.registry import Answer, Call, action
from local_cloud.actions.rules import check_description, check_host_name, check_plain_name, check_tags, tag_rows
from local_cloud.clock import iso
from local_cloud.errors import ApiFault, invalid
from local_cloud.params import Params
from local_cloud.records import LaunchTemplate, TemplateVersion

MAX_VERSIONS = 30
# Parameters of the template itself, not of the instances that are launched from it.
_OWN = ("LaunchTemplate", "TemplateTag", "TemplateResourceGroupId", "VersionDescription", "ClientToken", "RegionId")
# Of the request as such.
_ENVELOPE = (
    "Signature",
    "AccessKeyId",
    "SecurityToken",
    "Format",
    "Version",
    "Action",
    "Timestamp",
    "Owner",
    "Resource",
)
# Numbers and Booleans of a version's data; everything else is text.
_NUMBERS = (
    "InternetMaxBandwidthIn",
    "InternetMaxBandwidthOut",
    "Period",
    "SpotDuration",
    "Ipv6AddressCount",
    "ProvisionedIops",
    "Size",
)
_FLAGS = (
    "AutoRenew",
    "BurstingEnabled",
    "DeletionProtection",
    "DeleteWithInstance",
    "PasswordInherit",
    "EnableVmOsConfig",
)


@action("CreateLaunchTemplate")
def create_launch_template(call: Call) -> Answer:
    """Create a template with its first version."""
    params = call.params
    name = check_plain_name(params.require("LaunchTemplateName"), "LaunchTemplateName")
    if any(template.name == name for template in own(call, LaunchTemplate)):
        raise ApiFault(403, "LaunchTemplateName.Duplicated", "The specified launch template name already exists.")
    template = LaunchTemplate(
        id=call.new_id("lt-"),
        region=call.region,
        owner=call.account,
        name=name,
        created=call.now,
        modified=call.now,
        tags=check_tags(params.pairs("TemplateTag")),
        versions=(_version(call, 1),),
    )
    call.store.put(template)
    return {"LaunchTemplateId": template.id, "LaunchTemplateVersionNumber": 1}


@action("CreateLaunchTemplateVersion")
def create_launch_template_version(call: Call) -> Answer:
    """Add a version to a template."""
    template = _template(call)
    if len(template.versions) >= MAX_VERSIONS:
        raise ApiFault(400, "LaunchTemplateVersionLimitExceed", "The template has as many versions as it may have.")
    number = template.latest + 1
    versions = (*template.versions, _version(call, number))
    call.store.put(replace(template, versions=versions, latest=number, modified=call.now))
    return {"LaunchTemplateId": template.id, "LaunchTemplateVersionNumber": number}


@action("DescribeLaunchTemplates")
def describe_launch_templates(call: Call) -> Answer:
    """The templates by id, name and tag."""
    params = call.params
    ids, names, tags = params.items("LaunchTemplateId"), params.items("LaunchTemplateName"), params.pairs("TemplateTag")
    found = [
        template
        for template in own(call, LaunchTemplate)
        if (not ids or template.id in ids)
        and (not names or template.name in names)
        and all(template.tags.get(key) == value for key, value in tags)
    ]
    shown, paging = page_by_number(params, found)
    rows = [
        {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "DefaultVersionNumber": template.default,
            "LatestVersionNumber": template.latest,
            "CreateTime": iso(template.created),
            "ModifiedTime": iso(template.modified),
            "CreatedBy": template.owner,
            "ResourceGroupId": "",
            "Tags": tag_rows(template.tags),
        }
        for template in shown
    ]
    return {**paging, "LaunchTemplateSets": {"LaunchTemplateSet": rows}}


@action("DescribeLaunchTemplateVersions")
def describe_launch_template_versions(call: Call) -> Answer:
    """The versions of a template, the newest first."""
    params, template = call.params, _template(call)
    numbers = {int(text) for text in params.items("LaunchTemplateVersion") if text.isdigit()}
    low, high = params.number("MinVersion", 1, 0, 10**9), params.number("MaxVersion", 10**9, 0, 10**9)
    default, detailed = params.flag("DefaultVersion"), params.flag("DetailFlag", default=True)
    found = [
        version
        for version in reversed(template.versions)
        if (not numbers or version.number in numbers)
        and low <= version.number <= high
        and not (default and version.number != template.default)
    ]
    shown, paging = page_by_number(params, found)
    rows = [_describe_version(template, version, detailed=detailed) for version in shown]
    return {**paging, "LaunchTemplateVersionSets": {"LaunchTemplateVersionSet": rows}}


@action("ModifyLaunchTemplateDefaultVersion")
def modify_launch_template_default_version(call: Call) -> Answer:
    """Choose the version that launches use which name none."""
    template = _template(call)
    number = _number_of(template, call.params.require("DefaultVersionNumber"))
    call.store.put(replace(template, default=number, modified=call.now))
    return {}


@action("DeleteLaunchTemplateVersion")
def delete_launch_template_version(call: Call) -> Answer:
    """Delete versions of a template, but not its default one."""
    template = _template(call)
    numbers = {_number_of(template, text) for text in call.params.items("DeleteVersion")}
    if template.default in numbers:
        raise ApiFault(403, "InvalidOperation.DefaultVersion", "The default version cannot be deleted.")
    left = tuple(version for version in template.versions if version.number not in numbers)
    call.store.put(replace(template, versions=left, modified=call.now))
    return {}


@action("DeleteLaunchTemplate")
def delete_launch_template(call: Call) -> Answer:
    """Delete a template with all its versions."""
    call.store.remove(_template(call))
    return {}


def launch_values(call: Call) -> Params:
    """Return a launch's parameters with those of the template that it names; its own win.

    Raises:
        ApiFault: the template or its version does not exist.
    """
    params = call.params
    if not params.text("LaunchTemplateId") and not params.text("LaunchTemplateName"):
        return params
    template = _template(call)
    number = _number_of(template, params.text("LaunchTemplateVersion", str(template.default)))
    version = next(version for version in template.versions if version.number == number)
    # A list replaces the template's whole list, and one way to name an image or security groups the other.
    given = {name.partition(".")[0] for name, value in params.values.items() if value}
    if "ImageId" in given:
        given.add("ImageFamily")
    if given & {"SecurityGroupId", "SecurityGroupIds"}:
        given |= {"SecurityGroupId", "SecurityGroupIds"}
    kept = {
        name: value
        for name, value in version.values.items()
        if name.partition(".")[0] not in given or name.startswith("SystemDisk.")
    }
    return Params({**kept, **params.values})


def _template(call: Call) -> LaunchTemplate:
    template_id, name = call.params.text("LaunchTemplateId"), call.params.text("LaunchTemplateName")
    for template in call.store.all(LaunchTemplate):
        if (template.owner, template.region) == (call.account, call.region) and (
            template.id == template_id if template_id else name and template.name == name
        ):
            return template
    raise ApiFault(404, "InvalidLaunchTemplate.NotFound", "The specified launch template does not exist.")


def _number_of(template: LaunchTemplate, text: str) -> int:
    if not text.isdigit():
        raise invalid("LaunchTemplateVersion")
    if int(text) not in {version.number for version in template.versions}:
        raise ApiFault(404, "InvalidLaunchTemplateVersion.NotFound", "The specified version does not exist.")
    return int(text)


def _version(call: Call, number: int) -> TemplateVersion:
    values = {
        name: value for name, value in call.params.values.items() if value and not name.startswith((*_OWN, *_ENVELOPE))
    }
    description = check_description(call.params.text("VersionDescription"))
    check_host_name(call.params.text("HostName"))  # of the instances' data, the pages list this one alone
    return TemplateVersion(number=number, values=values, description=description, created=call.now)


def _describe_version(template: LaunchTemplate, version: TemplateVersion, *, detailed: bool) -> Answer:
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": version.number,
        "VersionDescription": version.description,
        "DefaultVersion": version.number == template.default,
        "CreateTime": iso(version.created),
        "ModifiedTime": iso(version.created),
        "CreatedBy": template.owner,
        "LaunchTemplateData": _data(version) if detailed else {},
    }


def _data(version: TemplateVersion) -> Answer:
    """Return a version's parameters as the API nests them."""
    params = Params(version.values)
    plain = {name: _typed(name, value) for name, value in version.values.items() if "." not in name}
    system = {
        name.removeprefix("SystemDisk."): _typed(name, value)
        for name, value in version.values.items()
        if name.startswith("SystemDisk.")
    }
    disks: list[Answer] = []
    for number in range(1, 17):
        prefix = f"DataDisk.{number}."
        disk = {
            name.removeprefix(prefix): _typed(name, value)
            for name, value in version.values.items()
            if name.startswith(prefix)
        }
        if disk:
            disks.append(disk)
    return {
        **plain,
        "SystemDisk": system,
        "DataDisks": {"DataDisk": disks},
        "SecurityGroupIds": {"SecurityGroupId": params.items("SecurityGroupIds")},
        "NetworkInterfaces": {"NetworkInterface": []},
        "Tags": {"InstanceTag": [{"Key": key, "Value": value or ""} for key, value in params.pairs("Tag")]},
    }


def _typed(name: str, value: str) -> object:
    last = name.rpartition(".")[2]
    if last in _NUMBERS and value.lstrip("-").isdigit():
        return int(value)
    if last == "SpotPriceLimit":
        return float(value)
    return value.lower() == "true" if last in _FLAGS else value
