use opentelemetry_sdk::{error::OTelSdkError, trace::SpanData};

use super::*;

fn read(settings: &[(&str, &'static str)]) -> Result<Option<Setup>, WrongSetting> {
    Setup::read(|name| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
}

#[test]
fn nothing_is_sent_anywhere_unless_an_endpoint_is_set() {
    assert_eq!(read(&[]).unwrap(), None);
    assert_eq!(read(&[(SAMPLER, "always_on")]).unwrap(), None);
    let to = (ENDPOINT, "http://127.0.0.1:4318");
    assert!(read(&[to]).unwrap().is_some());
    for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert_eq!(read(&[to, off]).unwrap(), None, "{off:?}");
    }
}

#[test]
fn the_endpoint_is_the_one_that_opentelemetry_means() {
    for (settings, expected) in [
        (vec![(ENDPOINT, "http://c:4318")], "http://c:4318/v1/traces"),
        (vec![(ENDPOINT, "https://c/otlp/")], "https://c/otlp/v1/traces"),
        (vec![(ENDPOINT, "http://c"), (TRACES_ENDPOINT, "http://t/in")], "http://t/in"),
    ] {
        assert_eq!(read(&settings).unwrap().unwrap().endpoint.as_str(), expected);
    }
}

#[test]
fn a_wrong_setting_is_named_and_told_how_to_be() {
    let to = (ENDPOINT, "http://127.0.0.1:4318");
    for wrong in [
        (ENDPOINT, "127.0.0.1:4318"),
        (ENDPOINT, "grpc://collector"),
        (ENDPOINT, "http://user:secret@collector"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_BSP_SCHEDULE_DELAY", "5s"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        (SAMPLER, "sometimes"),
    ] {
        let error = read(&[wrong, to]).unwrap_err().to_string();
        assert!(error.starts_with(wrong.0) && error.contains("must "), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    for share in ["", "half", "1.5", "-0.1", "NaN"] {
        let sampler = (SAMPLER, "parentbased_traceidratio");
        let error = read(&[to, sampler, (SAMPLER_ARG, share)]).unwrap_err();
        assert_eq!(error.name, SAMPLER_ARG, "{share:?}");
    }
}

#[test]
fn a_sampler_without_a_share_takes_all() {
    let sampler = |name, share| sampling(Some(name), share).unwrap();
    assert_eq!(sampling(None, None).unwrap(), Sampling::default());
    assert_eq!(sampler("parentbased_traceidratio", None), Sampling::default());
    assert_eq!(
        sampler("parentbased_traceidratio", Some("0.0")),
        sampler("parentbased_always_off", None)
    );
    assert_eq!(
        sampler("traceidratio", Some("0.25")),
        Sampling::share(0.25).unwrap().deaf_to_callers()
    );
}

/// A receiver that is never asked.
#[derive(Debug)]
struct Nobody;

impl opentelemetry_sdk::trace::SpanExporter for Nobody {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

fn leaving() -> Leaving<Nobody> {
    let (exporter, collected_for) = (Nobody, COLLECTED_FOR);
    Leaving { exporter, receiver: "http://there".to_owned(), collected_for, away: None }
}

#[test]
fn a_receiver_that_is_away_is_told_of_once_and_what_that_cost_when_it_is_back() {
    let mut leaving = leaving();
    let away = Err(OTelSdkError::InternalFailure("away".to_owned()));
    leaving.told(&Ok(()), 5, 0);
    assert_eq!(leaving.away, None);
    leaving.told(&away, 5, 0);
    leaving.told(&away, 7, 2);
    assert_eq!(leaving.away, Some(14), "counted, and not told of again");
    leaving.told(&Ok(()), 3, 1);
    assert_eq!(leaving.away, None);
}
