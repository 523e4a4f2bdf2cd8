//! Requests, by the door they came to and the status they got.

use std::{sync::OnceLock, time::Duration};

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::observe::{
    histogram::{Histogram, QUICK},
    metrics::{Labels, Totals, counters, histograms},
    words::RouteName,
};

/// The statuses that are answered; another counts as `other`.
const STATUSES: [u16; 24] = [
    101, 200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409, 410, 411, 413, 415, 416,
    426, 429, 500, 502, 503,
];

/// What the webhook answers, counted from the start: an increase from nothing is none.
const WEBHOOK: [u16; 8] = [200, 400, 401, 403, 413, 429, 500, 503];

/// Counters of one door: one for each status, made when it is first needed, and one for the rest.
type ByStatus = [OnceLock<Counter>; STATUSES.len() + 1];

#[derive(Debug)]
pub(crate) struct Doors {
    requests: Family<Labels, Counter>,
    counters: Box<[ByStatus]>,
    seconds: Box<[Histogram]>,
}

impl Doors {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let requests = counters(
            registry,
            "requests",
            "Requests that were answered; a stream counts when it was opened",
        );
        let seconds = histograms(
            registry,
            "request_seconds",
            "Time from a request's head to the answer's",
            || Histogram::new(QUICK),
        );
        let of = |route: &RouteName| {
            seconds.get_or_create_owned(&vec![("route", route.as_str().to_owned())])
        };
        let doors = Self {
            requests,
            counters: RouteName::ALL.iter().map(|_| ByStatus::default()).collect(),
            seconds: RouteName::ALL.iter().map(of).collect(),
        };
        for status in WEBHOOK {
            doors.counter(RouteName::Webhook, status);
        }
        doors
    }

    pub(crate) fn answered(&self, route: RouteName, status: u16, took: Duration) {
        if let Some(counter) = self.counter(route, status) {
            counter.inc();
        }
        if let Some(seconds) = self.seconds.get(route as usize) {
            seconds.took(took);
        }
    }

    /// What was answered so far. The console's own page asks all the time, and is not what is looked
    /// at.
    pub(super) fn add_to(&self, totals: &mut Totals) {
        let routes = RouteName::ALL.iter().zip(&self.counters);
        for (_, counters) in routes.filter(|(route, _)| **route != RouteName::Console) {
            let statuses = STATUSES.into_iter().map(Some).chain([None]);
            for (status, counter) in statuses.zip(counters) {
                let count = counter.get().map_or(0, Counter::get);
                totals.requests += count;
                // One that is not in the list is an error: nothing else is answered.
                if status.is_none_or(|status| status >= 400) {
                    totals.refused += count;
                }
            }
        }
    }

    fn counter(&self, route: RouteName, status: u16) -> Option<&Counter> {
        let place = STATUSES.binary_search(&status);
        let counters = self.counters.get(route as usize)?;
        let counter = counters.get(place.unwrap_or(STATUSES.len()))?;
        Some(counter.get_or_init(|| {
            let status = place.map_or_else(|_| "other".to_owned(), |_| status.to_string());
            let labels = vec![("route", route.as_str().to_owned()), ("status", status)];
            self.requests.get_or_create_owned(&labels)
        }))
    }
}
