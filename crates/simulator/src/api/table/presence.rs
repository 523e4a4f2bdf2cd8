//! `GET /api/now/table/awa_agent_presence_capacity`: who is there, and how much each has to do
//! (reference 9.3).
//!
//! Owns the columns of that view. They are named as public scripts read them; `ap_` is the presence,
//! `ac_` and `aca_` the capacity and the channel.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};

use super::{Record, answer, may_not_read, refused_at_the_door};
use crate::{
    instance::{AgentView, Presence},
    shared::Shared,
};

pub(in crate::api) const PATH: &str = "/api/now/table/awa_agent_presence_capacity";

/// The `sys_id` of the stock presence state *Available*.
const AVAILABLE: &str = "0b10223c57a313005baaaa65ef94f970";

/// That of *Away*. It is this instance's own; the stock one is not known here.
const AWAY: &str = "a4a7a2c05f0310108f2b6c1d2e3f4a5b";

/// The `sys_id` of the stock service channel *Chat*.
const CHAT: &str = "27f675e3739713004a905ee515f6a7c3";

/// One agent's row.
struct Row {
    agent: AgentView,
    workload: String,
    capacity: String,
}

impl From<AgentView> for Row {
    fn from(agent: AgentView) -> Self {
        let (workload, capacity) = (agent.workload.to_string(), agent.capacity.to_string());
        Self { agent, workload, capacity }
    }
}

impl Record for Row {
    const FIELDS: &'static [&'static str] = &[
        "ap_agent",
        "ap_agent.name",
        "ap_current_presence_state",
        "ap_current_presence_state.name",
        "aca_available",
        "aca_service_channel",
        "ac_channel",
        "ac_workload",
        "ac_applied_max_capacity",
    ];

    fn value(&self, field: &str) -> &str {
        let away = self.agent.state == Presence::Away;
        match field {
            "ap_agent" => &self.agent.sys_id,
            "ap_agent.name" => &self.agent.name,
            "ap_current_presence_state" => {
                if away {
                    AWAY
                } else {
                    AVAILABLE
                }
            }
            "ap_current_presence_state.name" => {
                if away {
                    "Away"
                } else {
                    "Available"
                }
            }
            "aca_available" => {
                if away {
                    "false"
                } else {
                    "true"
                }
            }
            "ac_workload" => &self.workload,
            "ac_applied_max_capacity" => &self.capacity,
            _ => CHAT,
        }
    }

    fn table(field: &str) -> Option<&'static str> {
        match field {
            "ap_agent" => Some("sys_user"),
            "ap_current_presence_state" => Some("awa_presence_state"),
            "aca_service_channel" | "ac_channel" => Some("awa_service_channel"),
            _ => None,
        }
    }
}

pub(in crate::api) async fn read(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = refused_at_the_door(&shared, &headers) {
        return refused.into_response();
    }
    if !shared.may_read_presence {
        return may_not_read().into_response();
    }
    let world = shared.lock();
    let rows = world.instance.agents().map(Row::from);
    answer(query.as_deref().unwrap_or_default(), &headers, rows).into_response()
}
