"""Who looked: for auditors at all of it, for residents at which offices read what they signed."""

from asyncio import gather
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.console.browser import Browsing
from api.console.public import names
from domain.calendar import end_of
from domain.command import Role
from infra.accesses import TERMINAL

router = APIRouter()

ACTS = {
    "accesses": "查看查阅记录",
    "appointments": "查看角色",
    "badly_judged": "查看差评轮次",
    "ballot": "查看表决",
    "brief": "查看会议简报",
    "caseload": "查看总览",
    "checkpoints": "查看日志校验点",
    "consistency": "取阅一致性证明",
    "departures": "查看偏离流程的申请",
    "district": "查看全区某日状态",
    "document": "取阅文书",
    "documents": "查看文书目录",
    "download_statistics": "下载统计",
    "draft": "查看代办登记草稿",
    "draft_roadmap": "查看路线图草稿",
    "drafts": "查看代办登记草稿目录",
    "evidence": "取阅佐证",
    "explain_clocks": "查看期限",
    "export": "导出事件日志",
    "export_directory": "导出名录",
    "export_model": "导出过程模型",
    "export_ocel": "导出过程数据(OCEL)",
    "export_residents": "导出居民名册",
    "export_xes": "导出过程数据(XES)",
    "find_link": "按外部编号查找",
    "find_similar": "查找相似申请",
    "flags": "查看值得留意的事项",
    "history": "查看历程",
    "inbox": "查看待办",
    "inbox_figures": "查看待办数量",
    "inclusion": "取阅存在性证明",
    "intake": "查看代办登记",
    "latest": "查看最近变动",
    "links": "查看外部编号",
    "log": "查看居民信息的查阅记录",
    "meeting": "查看会议",
    "meeting_calendar": "取阅会议日程",
    "metrics": "查看运行指标",
    "moment": "查看某一时刻",
    "notices": "查看通知",
    "overdue": "查看超期事项",
    "petition": "查看申请",
    "petitions": "查看申请列表",
    "phase": "查看某阶段申请",
    "print_brief": "打印会议简报",
    "process": "查看办理过程图",
    "proof": "取阅证明",
    "propose_times": "查看可用会议时间",
    "readiness": "查看运行状态",
    "receipt": "查看转送回执",
    "rejection": "查看不实认定",
    "replay": "命令行回放",
    "replies": "查看答复稿目录",
    "reply": "查看答复稿",
    "report": "查看举报",
    "reports": "查看举报列表",
    "representatives": "查看群众代表",
    "resident": "查看居民信息",
    "residents": "查看居民名册",
    "roadmap": "查看路线图",
    "settings": "查看通知设置",
    "signing_link": "查看联名链接",
    "similar_to_petition": "比对相似申请",
    "slip": "取阅签名单",
    "state": "查看当时状态",
    "statistics": "查看统计",
    "stream_events": "接收实时动态",
    "task": "查看任务",
    "tasks_of_unit": "查看单位任务",
    "ticket": "取得会议签到码",
    "waits": "查看最长等待",
    "webhook": "查看推送",
    "webhooks": "查看推送列表",
    "windows": "查看期限预计",
    "worklist": "查看名册待办",
}

WHAT = {
    "position": "位置",
    "since": "对比自",
    "as_of": "截至",
    "document": "文书",
    "digest": "文件摘要",
    "form": "格式",
    "phase": "阶段",
    "kind": "类型",
}


def words() -> Iterator[str]:
    """All that these pages say beside their templates."""
    yield from ACTS.values()
    yield from WHAT.values()


@router.get("/audit/accesses")
async def looked(
    browser: Browsing, petition: str = "", by: str = "", act: str = "", role: str = "", day: str = "", cursor: str = ""
) -> HTMLResponse:
    """``day``: in China. What is no id or day finds nothing."""
    browser.must_sign_in()
    chosen = {"petition": petition.strip(), "by": by.strip(), "act": act, "role": role, "day": day}
    asked = {"petition_id": chosen["petition"], "by": chosen["by"], "act": act, "role": role, "cursor": cursor}
    if on := _day(day):
        asked |= {"since": end_of(on - timedelta(days=1)).isoformat(), "until": end_of(on).isoformat()}
    found = await browser.get("/v1/accesses", **asked, limit=50)
    known = await names(browser, *(row["org_id"] for row in found["items"]))
    return browser.page(
        "accesses.html",
        rows=found["items"],
        following=found["next"],
        names=known,
        chosen=chosen,
        acts=ACTS,
        kinds=WHAT,
        roles=[role.value for role in Role if role not in (Role.RESIDENT, Role.WORKFLOW)] + [TERMINAL],
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@router.get("/petitions/{petition_id}/readers")
async def readers(petition_id: UUID, browser: Browsing) -> HTMLResponse:
    browser.must_sign_in()
    path = f"/v1/petitions/{petition_id}"
    found, petition = await gather(browser.get(f"{path}/readers"), browser.get(path))
    known = await names(browser, *(row["org_id"] for row in found))
    return browser.page("readers.html", rows=found, petition=petition, names=known)
