//! Where traces go, of the file and the environment. What OpenTelemetry has settings for besides is
//! in the environment only, under its own names.

use super::{
    ConfigError,
    draft::{Draft, Origin, Owner},
    value::Value,
};
use crate::telemetry::traces::{ENDPOINT, SERVICE_NAME, TRACES_PATH, receiver_at};

const OTLP_ENDPOINT: &str = "telemetry.otlp_endpoint";

/// The settings of traces that the file has as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Telemetry {
    otlp_endpoint: Option<String>,
    /// Only if somebody chose it: `OTEL_RESOURCE_ATTRIBUTES` can name the service, too.
    service_name: Option<String>,
}

impl Telemetry {
    /// A wrong address of the file is refused here, where its line is known; the environment's where
    /// it is used, because OpenTelemetry has variables that make it count for nothing.
    pub(super) fn of(draft: &Draft) -> Result<Self, ConfigError> {
        let set = |id: &str| match draft.found(&Owner::House, id) {
            Some((Value::Text(text), origin)) => Some((text.clone(), origin)),
            _ => None,
        };
        let endpoint = set(OTLP_ENDPOINT);
        if let Some((text, Origin::Line(_))) = &endpoint {
            receiver_at(text, TRACES_PATH).map_err(|problem| ConfigError::Wrong {
                name: draft.name(&Owner::House, OTLP_ENDPOINT),
                problem: problem.to_owned(),
            })?;
        }
        Ok(Self {
            otlp_endpoint: endpoint.map(|(text, _)| text),
            service_name: set("telemetry.service_name").map(|(text, _)| text),
        })
    }

    /// What is in force for a variable, if it is one of these.
    pub(crate) fn get(&self, variable: &str) -> Option<&str> {
        match variable {
            ENDPOINT => self.otlp_endpoint.as_deref(),
            SERVICE_NAME => self.service_name.as_deref(),
            _ => None,
        }
    }
}
