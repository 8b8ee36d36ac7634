"""Regions and their zones. Names are those of DescribeRegions."""

from __future__ import annotations

from typing import NamedTuple

SYSTEM_ACCOUNT = "1"
EVERYWHERE = "*"  # the region of public images: they have the same id in all regions


class Region(NamedTuple):
    """A region; ``zones`` are its zones' ids."""

    id: str
    chinese: str
    english: str
    zones: tuple[str, ...]


def _region(region_id: str, chinese: str, english: str, letters: str) -> Region:
    joint = "" if region_id[-1].isdigit() else "-"
    return Region(region_id, chinese, english, tuple(f"{region_id}{joint}{letter}" for letter in letters))


REGIONS: dict[str, Region] = {
    region.id: region
    for region in (
        _region("cn-qingdao", "华北1（青岛）", "China (Qingdao)", "bc"),
        _region("cn-beijing", "华北2（北京）", "China (Beijing)", "fghijkl"),
        _region("cn-zhangjiakou", "华北3（张家口）", "China (Zhangjiakou)", "abc"),
        _region("cn-huhehaote", "华北5（呼和浩特）", "China (Hohhot)", "ab"),
        _region("cn-wulanchabu", "华北6（乌兰察布）", "China (Ulanqab)", "abc"),
        _region("cn-hangzhou", "华东1（杭州）", "China (Hangzhou)", "bghijk"),
        _region("cn-shanghai", "华东2（上海）", "China (Shanghai)", "befglmn"),
        _region("cn-shenzhen", "华南1（深圳）", "China (Shenzhen)", "cdef"),
        _region("cn-heyuan", "华南2（河源）", "China (Heyuan)", "ab"),
        _region("cn-guangzhou", "华南3（广州）", "China (Guangzhou)", "ab"),
        _region("cn-chengdu", "西南1（成都）", "China (Chengdu)", "ab"),
        _region("cn-hongkong", "中国香港", "China (Hong Kong)", "bcd"),
        _region("ap-southeast-1", "新加坡", "Singapore", "abc"),
        _region("ap-southeast-3", "马来西亚（吉隆坡）", "Malaysia (Kuala Lumpur)", "ab"),
        _region("ap-southeast-5", "印度尼西亚（雅加达）", "Indonesia (Jakarta)", "abc"),
        _region("ap-northeast-1", "日本（东京）", "Japan (Tokyo)", "abc"),
        _region("eu-central-1", "德国（法兰克福）", "Germany (Frankfurt)", "abc"),
        _region("eu-west-1", "英国（伦敦）", "UK (London)", "ab"),
        _region("us-west-1", "美国（硅谷）", "US (Silicon Valley)", "ab"),
        _region("us-east-1", "美国（弗吉尼亚）", "US (Virginia)", "ab"),
    )
}
