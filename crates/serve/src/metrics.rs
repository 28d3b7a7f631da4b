//! Counts and times, for Prometheus.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::log;
use crate::trace::Stages;

/// What `/metrics` answers with: the text that Prometheus reads since its version 2.5.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds: a digit takes some milliseconds, a photograph in a full queue seconds, and nothing more than a minute.
const SECONDS: [f64; 16] =
    [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 20.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    stage: &'static str,
}

/// What is so now, asked when the metrics are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Now {
    /// Requests that wait for their answer.
    pub waiting: usize,
    pub connections: usize,
    /// Bytes of request bodies that are held.
    pub bodies: usize,
    /// Models in memory.
    pub models: usize,
}

/// The metrics of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Status, Counter>,
    rejected: Family<Reason, Counter>,
    left: Counter,
    seconds: Histogram,
    stages: Family<Stage, Histogram>,
    waiting: Gauge,
    connections: Gauge,
    bodies: Gauge,
    models: Gauge,
    resident: Gauge,
    lost: Gauge,
}

impl Metrics {
    /// `batch_sizes` is counted by the engine.
    pub(crate) fn new(batch_sizes: &Histogram) -> Arc<Self> {
        let mut registry = Registry::with_prefix("brazier");
        let metrics = Metrics {
            requests: Family::default(),
            rejected: Family::default(),
            left: Counter::default(),
            seconds: Histogram::new(SECONDS),
            stages: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            waiting: Gauge::default(),
            connections: Gauge::default(),
            bodies: Gauge::default(),
            models: Gauge::default(),
            resident: Gauge::default(),
            lost: Gauge::default(),
            registry: Registry::default(),
        };
        let to = &mut registry;
        to.register("requests", "Answers to predictions asked for, by status", metrics.requests.clone());
        to.register(
            "rejected",
            "Requests and connections refused, by the code of the error",
            metrics.rejected.clone(),
        );
        to.register("clients_left", "Requests whose client left before the answer", metrics.left.clone());
        let (request, stage) = (metrics.seconds.clone(), metrics.stages.clone());
        to.register_with_unit("request", "From the head to the answer", Unit::Seconds, request);
        to.register_with_unit("stage", "Time at each stage of a request", Unit::Seconds, stage);
        to.register("batch_size", "Images computed together", batch_sizes.clone());
        to.register("waiting", "Requests that wait for their answer", metrics.waiting.clone());
        to.register("connections", "Open connections", metrics.connections.clone());
        to.register_with_unit("bodies", "Request bodies held", Unit::Bytes, metrics.bodies.clone());
        to.register("models", "Models in memory", metrics.models.clone());
        to.register("log_lines_lost", "Lines that nobody read", metrics.lost.clone());
        let resident = metrics.resident.clone();
        to.register_with_unit("resident_memory", "Memory of the process", Unit::Bytes, resident);
        Arc::new(Metrics { registry, ..metrics })
    }

    /// A request for a prediction was answered with `status`, and with `code` if that is an error.
    pub(crate) fn answered(&self, status: u16, code: Option<&'static str>, stages: &Stages, total: Duration) {
        self.requests.get_or_create(&Status { status }).inc();
        if let Some(reason) = code {
            self.rejected(reason);
        }
        self.seconds.observe(total.as_secs_f64());
        for (stage, time) in stages.reached() {
            self.stages.get_or_create(&Stage { stage }).observe(time.as_secs_f64());
        }
    }

    /// A request or a connection was refused for `reason`.
    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&Reason { reason }).inc();
    }

    /// A client left before its answer.
    pub(crate) fn left(&self) {
        self.left.inc();
    }

    /// The text of all metrics.
    pub(crate) fn text(&self, now: Now) -> String {
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.waiting.set(whole(now.waiting));
        self.connections.set(whole(now.connections));
        self.bodies.set(whole(now.bodies));
        self.models.set(whole(now.models));
        self.lost.set(i64::try_from(log::lost()).unwrap_or(i64::MAX));
        self.resident.set(resident_memory().unwrap_or_default());
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Bytes: the second number of `/proc/self/statm` is in pages (man 5 proc), of 4096 bytes on what we build for.
fn resident_memory() -> Option<i64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<i64>().ok()? * 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new(&Histogram::new([1.0]));
        let stages = Stages { decode: Some(Duration::from_micros(150)), ..Stages::default() };
        metrics.answered(200, None, &stages, Duration::from_millis(3));
        metrics.answered(429, Some("TOO_MANY_REQUESTS"), &Stages::default(), Duration::ZERO);
        metrics.left();
        let text = metrics.text(Now { waiting: 7, ..Now::default() });
        for line in [
            "brazier_requests_total{status=\"200\"} 1",
            "brazier_rejected_total{reason=\"TOO_MANY_REQUESTS\"} 1",
            "brazier_clients_left_total 1",
            "brazier_request_seconds_count 2",
            "brazier_stage_seconds_bucket{le=\"0.0002\",stage=\"decode\"} 1",
            "brazier_waiting 7",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
        }
        let resident = text.lines().find_map(|line| line.strip_prefix("brazier_resident_memory_bytes "));
        assert!(resident.unwrap().parse::<u64>().unwrap() > 1 << 20, "{text}");
    }
}
