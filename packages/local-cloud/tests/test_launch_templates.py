"""Launch templates: what is unique, what is checked, what is kept."""

from __future__ import annotations

from alibabacloud_ecs20140526 import models
from tests.conftest import REGION, Running

from sdk import ecs, refused


def test_a_template_name_is_unique_whatever_tags_its_instances_have(live: Running) -> None:
    request = models.CreateLaunchTemplateRequest(
        region_id=REGION,
        launch_template_name="ci-runners",
        tag=[models.CreateLaunchTemplateRequestTag(key="ManagedBy", value="goldrun")],
    )
    client = ecs(live)
    client.create_launch_template(request)
    assert refused(lambda: client.create_launch_template(request)) == (403, "LaunchTemplateName.Duplicated")


def test_templates_are_listed_by_their_own_tags(live: Running) -> None:
    client = ecs(live)
    for name in ("one", "two"):
        tag = [models.CreateLaunchTemplateRequestTemplateTag(key="name", value=name)]
        client.create_launch_template(
            models.CreateLaunchTemplateRequest(region_id=REGION, launch_template_name=name, template_tag=tag)
        )
    wanted = models.DescribeLaunchTemplatesRequestTemplateTag(key="name", value="two")
    answer = client.describe_launch_templates(
        models.DescribeLaunchTemplatesRequest(region_id=REGION, template_tag=[wanted])
    ).body
    assert [one.launch_template_name for one in answer.launch_template_sets.launch_template_set] == ["two"]
