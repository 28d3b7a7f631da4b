//! One request's name and the time it spends at each stage.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;

/// Where a client may name its request; the second is what SageMaker's callers can set.
const NAMES: [&str; 2] = ["x-request-id", "x-amzn-sagemaker-inference-id"];

/// The longest name that is taken over.
const LONGEST: usize = 128;

/// The stages of a request, in order.
pub(crate) const STAGES: [&str; 5] = ["body", "decode-wait", "decode", "predict-wait", "predict"];

/// How long each of [`STAGES`] took; None for those not reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stages {
    pub body: Option<Duration>,
    pub decode_wait: Option<Duration>,
    pub decode: Option<Duration>,
    pub predict_wait: Option<Duration>,
    pub predict: Option<Duration>,
    /// Images computed together.
    pub batch: Option<usize>,
}

impl Stages {
    /// The stages that were reached, with their names.
    pub(crate) fn reached(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let times = [self.body, self.decode_wait, self.decode, self.predict_wait, self.predict];
        STAGES.into_iter().zip(times).filter_map(|(name, time)| Some((name, time?)))
    }

    /// A `Server-Timing` header, which browsers show too: milliseconds by stage, and in all.
    pub(crate) fn header(&self, total: Duration) -> String {
        let mut text = String::with_capacity(160);
        for (name, time) in self.reached() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{name};dur={:.3}, ", milliseconds(time));
        }
        let _ = write!(text, "total;dur={:.3}", milliseconds(total));
        text
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Time since the last reading.
#[derive(Debug)]
pub(crate) struct Watch(Instant);

impl Watch {
    pub(crate) fn start() -> Self {
        Watch(Instant::now())
    }

    pub(crate) fn lap(&mut self) -> Option<Duration> {
        let before = std::mem::replace(&mut self.0, Instant::now());
        Some(self.0 - before)
    }
}

/// The client's name for the request, or one that no other request to this process has.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    static PROCESS: LazyLock<u32> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()) as u32);
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let given = NAMES.iter().find_map(|name| headers.get(*name)?.to_str().ok());
    match given {
        Some(id) if !id.is_empty() && id.len() <= LONGEST => id.to_owned(),
        _ => format!("{:08x}-{:08x}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_clients_name_is_kept_unless_it_is_unusable() {
        let id = |text: &str| {
            let name = axum::http::HeaderName::from_static(NAMES[0]);
            request_id(&HeaderMap::from_iter([(name, HeaderValue::from_str(text).unwrap())]))
        };
        assert_eq!(id("order-17"), "order-17");
        let ours = [id(""), id(&"x".repeat(129)), request_id(&HeaderMap::new())];
        assert!(ours.iter().all(|id| id.len() == 17), "{ours:?}");
        assert_ne!(ours[0], ours[1]);
    }

    #[test]
    fn stages_that_were_not_reached_are_left_out() {
        let body = Some(Duration::from_micros(1500));
        let stages = Stages { body, ..Stages::default() };
        assert_eq!(stages.header(Duration::from_millis(2)), "body;dur=1.500, total;dur=2.000");
    }
}
