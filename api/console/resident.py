"""A resident's pages: what they can do in a petition, their own petitions, news and data."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from api.console.browser import Browser, Browsing, see
from api.console.forms import NOTHING, Choices, Field, Form, Kind, declare
from domain.command import Role

router = APIRouter()

PER_PAGE, NEWS = 10, 10


async def my_part(browser: Browser, petition_id: UUID) -> dict[str, Any] | None:
    """What the reader is in it and may do now, where they are a resident; else None."""
    if browser.identity is None or browser.identity.role != Role.RESIDENT:
        return None
    part: dict[str, Any] = await browser.get(f"/v1/petitions/{petition_id}/mine")
    part["steps"] = [offer["step"] for offer in part["may"]]
    return part


async def as_it_stands(browser: Browser, id: UUID) -> dict[str, Any]:
    petition = await browser.get(f"/v1/petitions/{id}")
    return {"topic": petition["topic"] or "", "details": petition["details"] or ""}


async def ballot_options(browser: Browser, id: UUID) -> Choices:
    ballot = await browser.get(f"/v1/ballots/{id}")
    words = {"yes": "赞成", "no": "反对"}
    return [(option["choice"], option["name"] or words.get(option["choice"], "")) for option in ballot["options"]]


# Of oneself


@router.get("/mine")
async def mine(browser: Browsing, cursor: str = "") -> HTMLResponse:
    """News, and one's petitions with what can be done in each."""
    browser.must_sign_in()
    petitions = await browser.get("/v1/me/petitions", limit=PER_PAGE, cursor=cursor)
    titles = {row["petition"]["id"]: title(row["petition"]) for row in petitions["items"]}
    # Of the petitions on this page: their pseudonyms need not be looked for again.
    news = await browser.get("/v1/notices", limit=NEWS, petition_id=list(titles)) if titles else {"items": []}
    return browser.page(
        "mine.html",
        rows=petitions["items"],
        following=petitions["next"],
        news=news["items"],
        titles=titles,
        title=title,
    )


def title(petition: dict[str, Any]) -> str:
    return petition["public_topic"] or petition["topic"] or ""


@router.get("/me")
async def me(browser: Browsing) -> HTMLResponse:
    """What is kept of the reader, and who has looked at it."""
    browser.must_sign_in()
    found = await browser.find("/v1/me")
    if found is None:
        return browser.page("me.html", me=None)
    looks, host, rejection = await asyncio.gather(
        browser.get("/v1/me/log"), browser.get(f"/v1/hosts/{found['host_id']}"), browser.find("/v1/me/rejection")
    )
    return browser.page("me.html", me=found, host=host["name"], looks=looks, rejection=rejection)


@router.get("/reports/new")
async def new_report(browser: Browsing, petition_id: UUID = NOTHING) -> Response:
    browser.must_sign_in()
    return see(f"/do/retaliation-report/{petition_id}?then=/mine")


async def about_which(_: Browser, id: UUID) -> dict[str, Any]:
    return {"petition_id": str(id) if id != NOTHING else ""}


async def notice_settings(browser: Browser, _: UUID) -> dict[str, Any]:
    found = await browser.get("/v1/notices/settings")
    return {"language": found["language"], "prefer": found["prefer"], "optional": "yes" if found["optional"] else "no"}


def asking(question: str) -> dict[str, Any]:
    """The co-signers, by a ballot."""
    return {"path": "/v1/petitions/{id}/ballots", "body": lambda _: {"question": question}, "goes_to": "/ballots/{id}"}


@router.get("/ballots/{ballot_id}")
async def ballot_page(ballot_id: UUID, browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    ballot = await browser.get(f"/v1/ballots/{ballot_id}")
    petition = await browser.get(f"/v1/petitions/{ballot['petition_id']}")
    part = await my_part(browser, ballot["petition_id"])
    steps = [offer["step"] for offer in part["may"] if offer["id"] == str(ballot_id)] if part else []
    return browser.page(
        "ballot.html",
        ballot=ballot,
        petition=petition,
        steps=steps,
        options=dict(await ballot_options(browser, ballot_id)),
    )


CONTACTED = Field("contacted", "有没有工作人员联系过您?", Kind.YES_NO)
RESOLVED = Field(
    "resolved",
    "事情解决了吗?",
    Kind.CHOICE,
    choices=(("yes", "解决了"), ("partly", "解决了一部分"), ("no", "没有解决")),
)
SATISFIED = Field("satisfied", "您对办理过程满意吗?", Kind.YES_NO)
COMMENT = Field("comment", "想说的话", required=False, hint="不公开。请不要写姓名、住址、电话。")

declare(
    {
        "notice-settings": Form(
            "/v1/notices/settings",
            "消息设置",
            (
                Field("language", "用哪种语言?", Kind.CHOICE, choices=(("zh", "中文"), ("en", "英文"))),
                Field("prefer", "发到哪里?", Kind.CHOICE, choices=(("email", "邮箱"), ("phone", "手机短信"))),
                Field(
                    "optional",
                    "进展消息也发给我吗?",
                    Kind.YES_NO,
                    hint="请您评价、表决、申诉等要您办的事和重要决定,总会通知您。",
                ),
            ),
            of="",
            method="PUT",
            begin=notice_settings,
            button="保存",
            done="设置已保存。",
        ),
        "retaliation-report": Form(
            "/v1/reports",
            "举报打击报复",
            (
                Field("text", "发生了什么?", hint="什么时候、谁、做了什么。只有纪检监察人员能看到。", rows=8),
                Field("petition_id", "所涉申请", Kind.HIDDEN, required=False),
            ),
            of="",
            begin=about_which,
            hint="因为联名或者在这里说了话而受到刁难、报复的,请告诉纪检监察。社区、单位和领导看不到。",
            button="举报",
            goes_to="/reports/{id}",
            done="举报已送交纪检监察。请记下编号。",
        ),
        "entry-appeal": Form(
            "/v1/me/appeal",
            "对登记认定申诉",
            (Field("reason", "为什么您的登记属实"),),
            of="",
            hint="申诉期间,您已有的联名有效;由区里裁定。",
            done="申诉已收到。",
        ),
        "own-erasure": Form(
            "/v1/me/erasure",
            "申请删除我的信息",
            (Field("reason", "理由"),),
            of="",
            hint="经管理员确认后,您不能再登录;您的姓名、电话、邮箱、证件号码和您写的文字将永久删除,不能恢复。"
            "已计入的联名和评价仍然计数,但再也没有人知道是谁的。",
            button="申请删除",
            done="已收到。管理员确认后删除。",
        ),
        "my-feedback": Form(
            "/v1/petitions/{id}/feedback",
            "评价办理结果",
            (CONTACTED, RESOLVED, SATISFIED, COMMENT),
            hint="每位联名人每轮评价一次,提交后不能修改。只公布汇总结果;参评不足五人的,不公布分项。",
            button="提交评价",
            done="已收到您的评价,谢谢。",
        ),
        "my-signature-withdrawal": Form(
            "/v1/petitions/{id}/co-signatures/mine",
            "撤回我的联名",
            method="DELETE",
            hint="撤回后,您不再是联名人,不能评价和表决。任何人都看不到谁撤回了联名。",
            button="撤回联名",
            done="您的联名已撤回。",
        ),
        "my-withdrawal": Form(
            "/v1/petitions/{id}/withdrawal",
            "撤回整个申请",
            hint="联名达到人数之前,发起人可以撤回申请;撤回后不能恢复。",
            button="撤回申请",
            done="申请已撤回。",
        ),
        "my-refiling": Form(
            "/v1/petitions/{id}/refiling",
            "修改后重新提出",
            (Field("topic", "题目", Kind.LINE), Field("details", "具体情况", rows=10)),
            hint="已有的联名继续有效;不同意修改的联名人可以撤回。",
            button="重新提出",
            begin=as_it_stands,
            done="申请已修改并重新提出。",
        ),
        "my-split-agreement": Form(
            "/v1/petitions/{id}/split/agreement",
            "同意拆分为两件",
            template="split_agreement.html",
            hint="拆分后两件分别审核、办理;联名人在两件中都是联名人,不同意的可以分别撤回。",
            button="同意拆分",
            done="申请已拆分为两件。",
        ),
        "my-carry-over": Form(
            "/v1/petitions/{id}/carry-over",
            "加入并入的那一件",
            hint="您成为另一件申请的联名人,可以参加其表决和评价。",
            button="加入联名",
            goes_to="/petitions/{id}",
            done="您已加入联名。",
        ),
        "my-review": Form(
            "/v1/petitions/{id}/reviews",
            "申请复查、复核",
            (Field("grounds", "理由"),),
            hint="请写明答复哪里不符合实际。由上级单位审查;复核意见为终结意见。",
            done="申请已收到,上级单位将审查。",
        ),
        "my-call-consent": Form(
            "/v1/petitions/{id}/call-back-consent",
            "同意电话回访",
            hint="评价人数过少时,工作人员可能致电请您评价,届时会知道您是联名人。可以随时取消。",
            button="同意",
            done="已记下:可以电话回访。",
        ),
        "my-call-refusal": Form(
            "/v1/petitions/{id}/call-back-consent", "取消电话回访", method="DELETE", done="不再电话回访您。"
        ),
        "my-resignation": Form(
            "/v1/petitions/{id}/representatives/mine",
            "辞去群众代表",
            method="DELETE",
            hint="您不再代表联名人,联名仍然有效。",
            button="辞去",
            done="您已不再是群众代表。",
        ),
        "my-waiver": Form(
            "/v1/petitions/{id}/waiver",
            "提议不再开会",
            (Field("reason", "理由"),),
            hint="事情在会前已经解决的,过半数群众代表同意即不再开会,直接作出答复。",
            done="提议已提出,请各位代表表态。",
        ),
        "my-voice": Form(
            "/v1/proposals/{id}/voices",
            "以群众代表身份表态",
            (Field("agrees", "您同意吗?", Kind.YES_NO),),
            of="proposals",
            hint="表态后不能更改;过半数同意即生效。",
            done="已记下您的表态。",
        ),
        "my-objection": Form(
            "/v1/meetings/{id}/objections",
            "对这个题目提出异议",
            (Field("text", "您的意见"),),
            of="meetings",
            hint="没有联名的居民可以提出一次,由社区列入会议议程。您可以到会。",
            done="异议已收到。",
        ),
        "my-agenda": Form(
            "/v1/meetings/{id}/agenda", "增加议题", (Field("text", "会上要谈什么"),), of="meetings", done="已列入议程。"
        ),
        "my-correction": Form(
            "/v1/meetings/{id}/corrections",
            "更正会议记录",
            (Field("text", "记录应当怎样写"),),
            of="meetings",
            done="更正意见已收到。",
        ),
        "my-confirmation": Form(
            "/v1/meetings/{id}/confirmation",
            "核对并确认会议记录",
            of="meetings",
            hint="请先在申请页面核对会议记录和会上承诺。领导和过半数群众代表确认后定稿。",
            button="记录属实,确认",
            done="您已确认会议记录。",
        ),
        "my-representatives-ballot": Form(
            title="提请推选群众代表",
            hint="联名人中愿意的人报名,之后无记名投票,得票最多的五位当选,代表大家开会、表态。",
            button="提请推选",
            done="已提请推选群众代表。",
            **asking("representatives"),
        ),
        "my-replacement-ballot": Form(
            title="提请更换发起人",
            hint="联名人无记名投票。发起人自己提请的,得票最多者接任;他人提请的,须过半数联名人同意。",
            button="提请更换",
            done="已提请更换发起人。",
            **asking("replacement"),
        ),
        "my-withdrawal-ballot": Form(
            title="提请表决:撤回整个申请",
            hint="联名人无记名表决,过半数同意即撤回;未表决的按不同意计。",
            button="提请表决",
            done="已提请表决。",
            **asking("withdrawal"),
        ),
        "my-candidacy": Form(
            "/v1/ballots/{id}/candidacies",
            "报名参选",
            (
                Field("name", "怎样称呼您", Kind.LINE, hint="可以用大家知道的称呼,比如“三幢陈阿姨”。"),
                Field(
                    "consent", "我同意联名人看到这个称呼;当选为群众代表后,社区、应约领导和受理人员也能看到。", Kind.TICK
                ),
            ),
            of="ballots",
            button="报名",
            done="您已报名。",
        ),
        "my-standing-down": Form(
            "/v1/ballots/{id}/candidacies/mine",
            "退出参选",
            of="ballots",
            method="DELETE",
            hint="退出后不再是候选人。",
            button="退出",
            done="您已退出参选。",
        ),
        "my-vote": Form(
            "/v1/ballots/{id}/votes",
            "无记名投票",
            (Field("choices", "您的选择", Kind.SEVERAL, required=False, choices=ballot_options),),
            of="ballots",
            template="vote.html",
            hint="每人一次,投后不能更改。谁投了、怎样投的,任何人都看不到。",
            button="投票",
            done="您已投票。",
        ),
        "my-appeal": Form(
            "/v1/intakes/{id}/appeal",
            "联名被认定不实:申诉",
            (Field("reason", "为什么这是您本人的联名"),),
            of="intakes",
            hint="申诉期间您的联名有效,由区里裁定。",
            done="申诉已收到。",
        ),
    }
)
