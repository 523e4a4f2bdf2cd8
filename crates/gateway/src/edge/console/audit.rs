//! Who did what: the newest records of the audit trail.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use serde_json::{Value, json};
use session::id::TenantId;

use super::{
    seats::Operator,
    view::{bad_query, store_unavailable},
};
use crate::{
    audit::{self, DeedName},
    edge::{Edge, answer::Refusal},
};

/// Records on a page unless asked otherwise.
const RECORDS_PER_PAGE: usize = 50;

/// The most records on a page.
const RECORDS_PER_PAGE_MAX: usize = 200;

/// What may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    limit: Option<usize>,
    tenant: Option<String>,
    deed: Option<String>,
}

/// `GET /console/api/audit`: the newest records, oldest first. Who is bound to tenants sees theirs.
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Value>, Refusal> {
    let Query(wanted) =
        wanted.map_err(|_| bad_query("the query may have limit, tenant and deed, each once"))?;
    let limit = wanted.limit.unwrap_or(RECORDS_PER_PAGE);
    if limit == 0 || limit > RECORDS_PER_PAGE_MAX {
        return Err(bad_query(format!("limit is between 1 and {RECORDS_PER_PAGE_MAX}")));
    }
    let tenant = wanted.tenant.as_deref().map(TenantId::new).transpose();
    let tenant = tenant.map_err(|_| bad_query("tenant is the name of a tenant"))?;
    let deed = match wanted.deed.as_deref() {
        Some(word) => Some(DeedName::read(word).ok_or_else(|| bad_query("there is no such deed"))?),
        None => None,
    };
    let own = operator.sight.tenants().map(<[TenantId]>::to_vec);
    let tenants = match (tenant, own) {
        (Some(one), Some(own)) if !own.contains(&one) => return Ok(Json(json!({ "records": [] }))),
        (Some(one), _) => Some(vec![one]),
        (None, own) => own,
    };
    let query = audit::Query { since: None, tenants, deed, newest: limit };
    let found = edge.audit.find(query).await.map_err(|error| {
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, "the audit trail cannot be read");
        store_unavailable()
    })?;
    Ok(Json(json!({ "records": found })))
}
