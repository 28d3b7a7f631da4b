//! Lines for whoever runs the server, on standard error.

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `brazier: ...`, for what a person should know; answered requests leave no line.
    #[default]
    Text,
    /// One JSON object a line, and one for every request but health checks.
    Json,
}

impl Format {
    /// Says `message`.
    pub fn say(self, message: &str) {
        match self {
            Format::Text => eprintln!("brazier: {message}"),
            Format::Json => self.event("info", json!({"message": message})),
        }
    }

    /// Tells of an answered request by the `fields` of an object; only in JSON.
    pub(crate) fn request(self, fields: Value) {
        if self == Format::Json {
            self.event("request", fields);
        }
    }

    fn event(self, kind: &str, fields: Value) {
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut line = Map::from_iter([("time".into(), json!(time)), ("event".into(), json!(kind))]);
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        eprintln!("{}", Value::Object(line));
    }
}
