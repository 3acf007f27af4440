"""Where each role finds its pages."""

from domain.command import Role

DESK = ("/desk", "待办")
FLAGS, DISTRICT = ("/audit/flags", "值得留意"), ("/audit/district", "当时的全区")
PROCESS = ("/process", "流程")
REGISTER = ("/register", "居民名册")

RULES = (("/directory", "名录"), ("/policies", "政策版本"), ("/calendar", "工作日历"))
ROLES = (("/appointments", "角色"), ("/webhooks", "推送"))

# An auditor's pages have tabs of their own.
AUDIT = (
    ("/audit", "历程"),
    FLAGS,
    PROCESS,
    DISTRICT,
    ("/audit/accesses", "查阅记录"),
    ("/audit/proof", "日志证明"),
)

NAVIGATION: dict[Role, tuple[tuple[str, str], ...]] = {
    Role.RESIDENT: (("/mine", "我的申请"), ("/petitions/new", "写申请"), ("/me", "我的信息")),
    Role.HOST_STAFF: (DESK, ("/host", "本社区"), REGISTER),
    Role.CLERK: (
        DESK,
        ("/admissibility", "受理审查"),
        ("/call-backs", "电话回访"),
        ("/overview", "总览"),
        REGISTER,
        *RULES,
    ),
    Role.OFFICIAL: (
        DESK,
        ("/record", "本职务记录"),
    ),
    Role.UNIT_OFFICER: (
        DESK,
        ("/board", "任务看板"),
    ),
    Role.SUPERVISOR: (DESK, ("/supervision", "督查"), PROCESS, FLAGS, DISTRICT),
    Role.DISCIPLINE: (("/reports", "举报"),),
    Role.AUDITOR: (("/audit", "审计"), REGISTER, *RULES, *ROLES),
    Role.ADMIN: (REGISTER, *RULES, *ROLES),
}
