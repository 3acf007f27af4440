"""Made-up complaints, the same for the same seed: many things in many places, each told by several people.

Told of another place, or of another thing in the same place, a complaint is near but not the same.
"""
# ruff: noqa: SIM905 - so many lists of words read better as lines

import random
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import yaml

ISSUES: list[list[str]] = yaml.safe_load((Path(__file__).parent.parent / "data" / "complaints.yaml").read_text("utf-8"))
STREETS = "白鹤 东柳 明楼 百丈 东胜 福明 新明 东郊 蕉北 金涵 惠南 城关 杏花 江厦 鼓楼 望春 段塘 西门 南苑 古林".split()
FIRST = "紫荆 黄鹂 划船 继光 三星 铜锣 金沙 鹤峰 民乐 土井 万达 锦绣 翠竹 枫林 丹桂 碧水 朝晖 常青 银杏 曙光".split()
LAST = "花苑 新村 公寓 家园 小区 佳园 里弄 名邸 东区 西区 社区 大院 华庭 雅苑 一期 二期".split()
ROADS = "中山 百丈 环城 惠风 沧海 彩虹 曙光 兴宁 通途 民安 宁东 桑田 海晏 福庆 江澄 鄞奉 苍松 新河 大步 嵩江".split()
SHOPS = "老张 大福 阿庆嫂 顺达 鑫源 永盛 好邻居 万家 恒信 金诚 绿城 广厦 天和 华宇 三江 联丰 德馨 聚贤".split()
SINCE = "去年国庆 今年春节后 前年夏天 上个月 三月中旬 梅雨季 台风过后 半年前 学校放假 旧城改造 换了物业 换届".split()
FACTS = [
    ["靠{road}路{side}那一侧最厉害", "位置在{road}路{side}边", "就是{road}路{gate}号大门进来那里"],
    ["{shop}公司答应过处理", "找过{shop}的经理", "听说归{shop}管"],
    ["从{since}开始就这样", "{since}以来越来越严重"],
    ["影响{homes}户人家", "有{homes}户邻居签了名"],
]
BEFORE = ["", "", "", "领导您好,", "尊敬的领导:", "我是本社区居民,", "现反映如下情况:"]
AFTER = ["", "", "", "望有关部门重视,谢谢。", "请尽快解决。", "多次反映都没有结果。", "希望得到答复。", "急盼回复!"]


class Complaint(NamedTuple):
    thing: int  # the same for those about the same thing
    issue: int  # the same trouble, here or elsewhere
    topic: str
    details: str


def complaints(seed: int) -> Iterator[Complaint]:
    """Without end: two to four people tell of each thing, one after the other."""
    dice = random.Random(seed)
    for thing in count():
        street, name = dice.choice(STREETS), dice.choice(FIRST) + dice.choice(LAST)
        number = str(dice.randint(1, 60))
        issue = dice.randrange(len(ISSUES))
        topics, details = zip(*(line.split("|") for line in ISSUES[issue]), strict=True)
        clauses = [clause for line in details for clause in re.split("[,。]", line) if clause]
        facts = {
            "road": dice.choice(ROADS) + dice.choice(["", "东", "西", "南", "北", "一", "二"]),
            "side": dice.choice("东西南北"),
            "gate": str(dice.randint(1, 900)),
            "shop": dice.choice(SHOPS) + dice.choice(["物业", "置业", "餐饮", "市政", "实业", ""]),
            "since": dice.choice(SINCE),
            "homes": str(dice.randint(8, 300)),
        }
        people = dice.randint(2, 4)
        for topic in dice.sample(topics, people):
            place = dice.choice([name, name, f"{street}街道{name}", f"{street}{name}"])
            said = dice.sample(clauses, dice.randint(2, 4))
            said += [dice.choice(ways) for ways in dice.sample(FACTS, dice.randint(1, 3))]
            told = ",".join(said) + "。"
            if "{p}" not in topic + told:
                told = "{p}" + told
            told = dice.choice(BEFORE) + told + dice.choice(AFTER)
            yield Complaint(thing, issue, *(text.format(p=place, n=number, **facts) for text in (topic, told)))
