//! A histogram of atomics. The library's own locks a mutex for every value, which edges, engine and
//! dispatcher would share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};

/// Where a histogram's buckets end, and what its values are divided by to be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Upper bounds, rising, in the unit that is counted in.
    bounds: &'static [u64],
    /// How many of those make one of the unit shown.
    per_unit: f64,
}

/// Microseconds counted, seconds shown.
const MICROSECONDS: f64 = 1_000_000.0;

/// For what a machine does: 50 µs to 10 s.
pub(super) const QUICK: Scale = Scale { bounds: &QUICK_BOUNDS, per_unit: MICROSECONDS };

const QUICK_BOUNDS: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

/// For a delivery with its retries: 5 ms to an hour.
pub(super) const DELIVERY: Scale = Scale {
    bounds: &[
        5_000,
        10_000,
        25_000,
        50_000,
        100_000,
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        10_000_000,
        30_000_000,
        60_000_000,
        300_000_000,
        900_000_000,
        3_600_000_000,
    ],
    per_unit: MICROSECONDS,
};

/// For what people do: a second to four hours.
pub(super) const PEOPLE: Scale = Scale {
    bounds: &[
        1_000_000,
        2_000_000,
        5_000_000,
        10_000_000,
        20_000_000,
        30_000_000,
        60_000_000,
        120_000_000,
        300_000_000,
        600_000_000,
        1_200_000_000,
        1_800_000_000,
        3_600_000_000,
        14_400_000_000,
    ],
    per_unit: MICROSECONDS,
};

/// For how many jobs a batch has.
pub(super) const JOBS: Scale =
    Scale { bounds: &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024], per_unit: 1.0 };

/// A handle; clones share the numbers.
#[derive(Debug, Clone)]
pub(super) struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    scale: Scale,
    /// One for each bound, and one for what is beyond.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    pub(super) fn new(scale: Scale) -> Self {
        let buckets = (0..=scale.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Inner { scale, buckets, sum: AtomicU64::new(0) }))
    }

    /// Counts a span of time.
    pub(super) fn took(&self, span: Duration) {
        self.count(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts a value: two additions.
    pub(super) fn count(&self, value: u64) {
        let Inner { scale, buckets, sum } = &*self.0;
        let bucket = scale.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
            sum.fetch_add(value, Ordering::Relaxed);
        }
    }
}

/// How what a [`QUICK`] histogram counted is spread over its buckets: all of it, or what came between
/// two moments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spread([u64; QUICK_BOUNDS.len() + 1]);

impl Spread {
    /// What this histogram has counted so far as well.
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.0.iter_mut().zip(&histogram.0.buckets) {
            *sum += bucket.load(Ordering::Relaxed);
        }
    }

    pub(crate) fn plus(&self, more: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] + more.0[at]))
    }

    pub(crate) fn minus(&self, before: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].saturating_sub(before.0[at])))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The milliseconds below which this share of them were, reckoned along the bucket that they end
    /// in, as Prometheus does; none if there are none.
    pub(crate) fn quantile_ms(&self, share: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "shown, not reckoned with")]
        let real = |count: u64| count as f64;
        let rank = share * real(self.count());
        let (mut below, mut from) = (0.0, 0.0);
        let ends = QUICK_BOUNDS.iter().chain(QUICK_BOUNDS.last());
        for (bucket, to) in self.0.iter().zip(ends) {
            let (bucket, to) = (real(*bucket), real(*to) / 1_000.0);
            if bucket > 0.0 && below + bucket >= rank {
                let ms = from + (to - from) * (rank - below) / bucket;
                return Some((ms * 100.0).round() / 100.0);
            }
            (below, from) = (below + bucket, to);
        }
        None
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        #[expect(clippy::cast_precision_loss, reason = "shown, not reckoned with")]
        let shown = |value: u64| value as f64 / self.0.scale.per_unit;
        let bounds = self.0.scale.bounds.iter().map(|bound| shown(*bound));
        let buckets: Vec<_> = bounds
            .chain([f64::INFINITY])
            .zip(self.0.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)))
            .collect();
        // Of what the buckets hold: a value that is being counted is in both or in neither.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = shown(self.0.sum.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::prometheus_text::encode, registry::Registry};

    use super::*;

    #[test]
    fn a_value_counts_in_the_bucket_whose_bound_it_does_not_pass() {
        let histogram = Histogram::new(JOBS);
        for value in [1, 2, 3, 4, 5_000] {
            histogram.count(value);
        }
        let mut registry = Registry::default();
        registry.register("h", "H", histogram);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"h_bucket{le="1"} 1"#,
            r#"h_bucket{le="2"} 2"#,
            r#"h_bucket{le="4"} 4"#,
            r#"h_bucket{le="1024"} 4"#,
            r#"h_bucket{le="+Inf"} 5"#,
            "h_count 5",
            "h_sum 5010.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn a_quantile_lies_in_the_bucket_of_its_value() {
        let took = Histogram::new(QUICK);
        let spread = || {
            let mut spread = Spread::default();
            spread.add(&took);
            spread
        };
        assert_eq!(spread().quantile_ms(0.5), None);
        (1..=1_000).for_each(|ms| took.took(Duration::from_millis(ms)));
        let first = spread();
        for (share, ms) in [(0.1, 100.0), (0.5, 500.0), (0.75, 750.0), (0.99, 990.0)] {
            let found = first.quantile_ms(share).unwrap();
            assert!((found / ms - 1.0_f64).abs() < 0.02, "{share}: {found}");
        }
        took.took(Duration::from_hours(1));
        assert_eq!(spread().count(), 1_001);
        let since = spread().minus(&first);
        assert_eq!(
            since.quantile_ms(0.5),
            Some(10_000.0),
            "what is longer than all counts as long"
        );
        assert_eq!(first.plus(&since), spread());
    }

    #[test]
    fn a_span_is_shown_in_seconds() {
        let histogram = Histogram::new(QUICK);
        histogram.took(Duration::from_millis(1));
        let mut registry = Registry::default();
        registry.register("h", "H", histogram);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains("h_bucket{le=\"0.001\"} 1\n"), "{text}");
        assert!(text.contains("h_bucket{le=\"0.0005\"} 0\n"), "{text}");
        assert!(text.contains("h_sum 0.001\n"), "{text}");
    }
}
