"""What a clerk is pointed to in a draft for the public."""

import pytest

from domain.redaction import findings


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("请电13800138000。", [("phone_number", "13800138000")]),
        ("请电+86 138-0013-8000", [("phone_number", "+86 138-0013-8000")]),
        ("请电138 0013 8000", [("phone_number", "138 0013 8000")]),
        (
            "\uff11\uff13\uff18\uff10\uff10\uff11\uff13\uff18\uff10\uff10\uff10",
            [("phone_number", "\uff11\uff13\uff18\uff10\uff10\uff11\uff13\uff18\uff10\uff10\uff10")],
        ),
        ("座机0574-87654321", [("phone_number", "0574-87654321")]),
        ("座机87654321", [("phone_number", "87654321")]),
        ("身份证33020419600101123X号", [("identity_number", "33020419600101123X")]),
        ("旧证330204600101123", [("identity_number", "330204600101123")]),
        ("卡号6222 0202 0000 1234 567", [("account_number", "6222 0202 0000 1234 567")]),
        ("写信到 lin.ayi@example.com 即可", [("email", "lin.ayi@example.com")]),
        ("浙B·12345长期占道", [("number_plate", "浙B·12345")]),
        ("划船社区三幢门口", [("house_number", "三幢")]),
        ("百丈路12弄5号302室", [("house_number", "12弄"), ("house_number", "5号"), ("house_number", "302室")]),
        ("住3-1-402", [("house_number", "3-1-402")]),
        ("张阿婆家门口", [("name", "张阿婆")]),
        ("据王建国先生说", [("name", "王建国先生")]),
        ("欧阳主任答应过", [("name", "欧阳主任")]),
        ("李某多次投诉", [("name", "李某")]),
    ],
)
def test_what_leads_to_a_person_is_pointed_out(text: str, found: list[tuple[str, str]]) -> None:
    assert [(finding.kind, text[finding.start : finding.end]) for finding in findings(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "居民反映小区低洼处雨后积水,请求改造排水。",
        "2026年3月2日至今已有120户受影响,水深30厘米。",
        "请按第5号线规划调整公交站点,投资350万元。",
        "执行市政府12号文件。",
    ],
)
def test_what_leads_to_nobody_is_left_alone(text: str) -> None:
    assert list(findings(text)) == []
