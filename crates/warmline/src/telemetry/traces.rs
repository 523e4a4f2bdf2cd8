//! Traces on their way out: taken from the gateway, handed to an OTLP receiver a batch at a time.
//!
//! It has a thread and a runtime of its own, so that a receiver in trouble costs nobody else anything.
//! Spans that find no room or no receiver are counted and told of; the log says once that the receiver
//! does not take them, and once that it does again. `OpenTelemetry`'s own names of settings are used,
//! with their own meaning.

use std::{str::FromStr, time::Duration};

use anyhow::Context as _;
use gateway::{
    Clock, Settings,
    trace::{Sampling, Span, Spans, Tracing},
};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, error::OTelSdkResult, trace::SpanExporter as _};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout},
};
use url::Url;

use crate::telemetry::otlp::{self, OurClient};

/// Where traces go: the address of the receiver, to which `/v1/traces` is added.
pub(crate) const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What is added.
pub(crate) const TRACES_PATH: &str = "/v1/traces";

/// What this service is called.
pub(crate) const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// The endpoint for traces only, as it is.
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/// How spans are written; there is one way.
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// How long a receiver may take for a batch, in milliseconds.
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];

/// Which traces are recorded.
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";

/// The share of them.
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";

/// How long spans are collected before they are sent, in milliseconds.
const SCHEDULE_DELAY: &str = "OTEL_BSP_SCHEDULE_DELAY";

/// Spans of one request; about 300 bytes each on the wire.
const BATCH_MAX: usize = 512;

/// How long a span waits for company, unless told otherwise. OpenTelemetry's own figure.
const COLLECTED_FOR: Duration = Duration::from_secs(5);

/// How long a receiver may take for a batch, unless told otherwise. OpenTelemetry's own figure.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);

/// How long the end may be held up by what is still to be sent.
const FLUSHED_WITHIN: Duration = Duration::from_secs(3);

/// What a wrong setting is told.
#[derive(Debug, thiserror::Error)]
#[error("{name} {problem}")]
pub(crate) struct WrongSetting {
    name: &'static str,
    problem: &'static str,
}

/// How traces leave.
#[derive(Debug, Clone, PartialEq)]
struct Setup {
    endpoint: Url,
    sampling: Sampling,
    collected_for: Duration,
    taken_within: Duration,
}

/// Traces that leave.
pub(crate) struct Traces {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

/// Switches traces on, if an endpoint is set.
pub(crate) fn start<'e>(
    get: impl Fn(&str) -> Option<&'e str>,
    settings: &mut Settings,
) -> anyhow::Result<Option<Traces>> {
    let Some(setup) = Setup::read(&get)? else { return Ok(None) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = OurClient::new(setup.taken_within)
        .context("traces cannot be sent: this machine has no root certificates")?;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(setup.endpoint.as_str())
        .with_timeout(setup.taken_within)
        .build()
        .with_context(|| format!("{ENDPOINT} cannot be used"))?;
    exporter.set_resource(&resource(get(SERVICE_NAME)));
    let (tracing, spans) = Tracing::on(Clock::System, setup.sampling);
    settings.tracing = tracing;
    let (stop, stopped) = oneshot::channel();
    let receiver = receiver(&setup.endpoint);
    tracing::info!(receiver, "traces are on");
    let leaving = Leaving { exporter, receiver, collected_for: setup.collected_for, away: None };
    let (end, ended) = oneshot::channel();
    std::thread::Builder::new().name("traces".to_owned()).spawn(move || {
        runtime.block_on(leaving.run(spans, stopped));
        // Nobody may wait any more.
        end.send(()).ok();
    })?;
    Ok(Some(Traces { stop, ended }))
}

/// Whoever it is that the spans tell of. What the environment says of it besides is found by the builder.
fn resource(name: Option<&str>) -> Resource {
    let named =
        std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|all| all.contains("service.name"));
    // Tells the lives of a gateway apart.
    let instance = format!("{:032x}", fastrand::u128(..));
    let ours = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance));
    match name {
        Some(name) => ours.with_service_name(name.to_owned()).build(),
        None if named => ours.build(),
        None => ours.with_service_name("warmline").build(),
    }
}

/// The receiver as the log may call it: without what an address can hold besides.
fn receiver(endpoint: &Url) -> String {
    endpoint.origin().ascii_serialization()
}

impl Traces {
    /// Sends what is left, within [`FLUSHED_WITHIN`].
    pub(crate) async fn finish(self) {
        // Fails only if the thread is gone already.
        self.stop.send(()).ok();
        match timeout(FLUSHED_WITHIN, self.ended).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the thread that sends traces panicked"),
            Err(_) => tracing::warn!("not all spans could be sent before the end"),
        }
    }
}

impl Setup {
    fn read<'e>(get: impl Fn(&str) -> Option<&'e str>) -> Result<Option<Self>, WrongSetting> {
        if get("OTEL_SDK_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        match get("OTEL_TRACES_EXPORTER") {
            None | Some("otlp") => {}
            Some("none") => return Ok(None),
            Some(_) => return Err(wrong("OTEL_TRACES_EXPORTER", "must be otlp or none")),
        }
        let Some(endpoint) = endpoint(&get)? else { return Ok(None) };
        let protocol = PROTOCOLS.into_iter().find_map(|name| Some((name, get(name)?)));
        if let Some((name, _)) = protocol.filter(|(_, protocol)| *protocol != "http/protobuf") {
            return Err(wrong(name, "must be http/protobuf; receivers take it on port 4318"));
        }
        let millis = |name| -> Result<Option<Duration>, WrongSetting> {
            let text = get(name).map(u64::from_str).transpose();
            let millis = text.map_err(|_| wrong(name, "must be a number of milliseconds"))?;
            Ok(millis.map(Duration::from_millis))
        };
        let [own, all] = TIMEOUTS;
        let taken_within = match millis(own)? {
            Some(within) => Some(within),
            None => millis(all)?,
        };
        Ok(Some(Self {
            endpoint,
            sampling: sampling(get(SAMPLER), get(SAMPLER_ARG))?,
            collected_for: millis(SCHEDULE_DELAY)?.unwrap_or(COLLECTED_FOR),
            taken_within: taken_within.unwrap_or(TAKEN_WITHIN),
        }))
    }
}

fn wrong(name: &'static str, problem: &'static str) -> WrongSetting {
    WrongSetting { name, problem }
}

fn endpoint<'e>(get: impl Fn(&str) -> Option<&'e str>) -> Result<Option<Url>, WrongSetting> {
    let (name, text, path) = match (get(TRACES_ENDPOINT), get(ENDPOINT)) {
        (Some(text), _) => (TRACES_ENDPOINT, text, ""),
        (None, Some(text)) => (ENDPOINT, text, TRACES_PATH),
        (None, None) => return Ok(None),
    };
    receiver_at(text, path).map(Some).map_err(|problem| wrong(name, problem))
}

/// The receiver at this address; else what the address must be.
pub(crate) fn receiver_at(text: &str, path: &str) -> Result<Url, &'static str> {
    let text = format!("{}{path}", text.trim_end_matches(['/']));
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url
        .filter(Url::has_host)
        .ok_or("must be an http or https URL, for instance http://127.0.0.1:4318")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no password; use OTEL_EXPORTER_OTLP_HEADERS");
    }
    Ok(url)
}

fn sampling(sampler: Option<&str>, share: Option<&str>) -> Result<Sampling, WrongSetting> {
    let all = || Ok(Sampling::default());
    let none = || Sampling::share(0.0).map_err(|_| wrong(SAMPLER_ARG, "must be from 0 to 1"));
    let some = || {
        let share = share.map_or(Ok(1.0), str::parse).ok();
        let taken = share.and_then(|share| Sampling::share(share).ok());
        taken.ok_or_else(|| wrong(SAMPLER_ARG, "must be a number from 0 to 1, for instance 0.1"))
    };
    match sampler {
        None | Some("parentbased_always_on") => all(),
        Some("parentbased_always_off") => none(),
        Some("parentbased_traceidratio") => some(),
        Some("always_on") => all().map(Sampling::deaf_to_callers),
        Some("always_off") => none().map(Sampling::deaf_to_callers),
        Some("traceidratio") => some().map(Sampling::deaf_to_callers),
        Some(_) => Err(wrong(
            SAMPLER,
            "must be always_on, always_off, traceidratio, or one of these after parentbased_",
        )),
    }
}

/// What takes spans to the receiver.
struct Leaving<E> {
    exporter: E,
    receiver: String,
    collected_for: Duration,
    /// Since the receiver takes nothing any more: how many spans that has cost.
    away: Option<u64>,
}

impl<E: opentelemetry_sdk::trace::SpanExporter> Leaving<E> {
    async fn run(mut self, mut spans: Spans, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let went_on = tokio::select! {
                went_on = self.collect(&mut spans, &mut batch) => went_on,
                _ = &mut stopped => false,
            };
            if !went_on {
                break;
            }
            self.send(&mut spans, &mut batch).await;
        }
        // Whoever told it to stop waits no longer than is good for them.
        loop {
            let room = BATCH_MAX - batch.len();
            spans.take(&mut batch, room);
            if batch.is_empty() {
                return;
            }
            self.send(&mut spans, &mut batch).await;
        }
    }

    /// Waits until there is enough to send; false when there will be no more.
    async fn collect(&self, spans: &mut Spans, batch: &mut Vec<Span>) -> bool {
        if batch.is_empty() && spans.next(batch, BATCH_MAX).await == 0 {
            return false;
        }
        let full_or_late = async {
            while batch.len() < BATCH_MAX {
                if spans.next(batch, BATCH_MAX - batch.len()).await == 0 {
                    return;
                }
            }
        };
        tokio::select! {
            () = full_or_late => {}
            () = sleep_until(Instant::now() + self.collected_for) => {}
        }
        true
    }

    async fn send(&mut self, spans: &mut Spans, batch: &mut Vec<Span>) {
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let told = self.exporter.export(batch.drain(..).map(otlp::span_data).collect()).await;
        self.told(&told, count, spans.take_lost());
    }

    /// Says in the log what an operator should know, once.
    fn told(&mut self, told: &OTelSdkResult, count: u64, without_room: u64) {
        let receiver = &self.receiver;
        match (told, self.away) {
            (Ok(()), None) if without_room == 0 => {}
            (Ok(()), None) => {
                tracing::warn!(lost = without_room, "there was no room for some spans");
            }
            (Ok(()), Some(lost)) => {
                let lost = lost.saturating_add(without_room);
                tracing::info!(receiver, lost, "the receiver of traces takes them again");
                self.away = None;
            }
            (Err(_), Some(lost)) => {
                self.away = Some(lost.saturating_add(count).saturating_add(without_room));
            }
            (Err(error), None) => {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    receiver,
                    "the receiver of traces takes none; they are lost until it does, and nothing \
                     else is"
                );
                self.away = Some(count.saturating_add(without_room));
            }
        }
    }
}

#[cfg(test)]
mod tests;
