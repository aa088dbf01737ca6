"""The use cases of policy, by the one name that other rooms and the surfaces use."""

from clearance.policy.admission import admission, look_up, why_lapsed
from clearance.policy.approvals import approve, get_approval, list_approvals, reject
from clearance.policy.decisions import decide, get_decision, list_decisions, newest_decision, preview
from clearance.policy.exceptions import get_waiver, grant_waiver, list_waivers, revoke_waiver
from clearance.policy.gathering import gather
from clearance.policy.installation import check_pack, get_pack, install_pack, list_packs
from clearance.policy.onboarding import onboarding
from clearance.policy.replay import replay

__all__ = [
    "admission",
    "approve",
    "check_pack",
    "decide",
    "gather",
    "get_approval",
    "get_decision",
    "get_pack",
    "get_waiver",
    "grant_waiver",
    "install_pack",
    "list_approvals",
    "list_decisions",
    "list_packs",
    "list_waivers",
    "look_up",
    "newest_decision",
    "onboarding",
    "preview",
    "reject",
    "replay",
    "revoke_waiver",
    "why_lapsed",
]
