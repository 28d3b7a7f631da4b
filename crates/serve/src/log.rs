//! Lines for whoever runs the server, on standard error.
//!
//! A thread of its own writes them: whoever reads them may have stopped reading, and then a write waits for ever. Lines
//! that find no room any more are lost and counted; requests are answered all the same.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};

/// Lines that may wait to be written: of requests, some hundred kilobytes.
const ROOM: usize = 1024;

/// Between two tries to find room.
const LOOK: Duration = Duration::from_millis(1);

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
            Format::Text => STDERR.write(format!("brazier: {message}\n")),
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
        STDERR.write(format!("{}\n", Value::Object(line)));
    }
}

/// Waits until what was said is written, `patience` at most: before the process ends.
pub fn flush(patience: Duration) {
    STDERR.flush(patience);
}

/// Lines that were lost so far.
pub(crate) fn lost() -> u64 {
    STDERR.lost.load(Ordering::Relaxed)
}

static STDERR: LazyLock<Lines> = LazyLock::new(|| Lines::to(io::stderr()));

/// What the writing thread is sent.
enum Message {
    Line(String),
    /// All lines before this one are written when it is dropped.
    Flush(SyncSender<()>),
}

/// The way to a thread that writes lines.
struct Lines {
    /// None where the system gave no thread.
    writer: Option<SyncSender<Message>>,
    lost: Arc<AtomicU64>,
}

impl Lines {
    fn to(out: impl Write + Send + 'static) -> Self {
        let (writer, messages) = sync_channel(ROOM);
        let lost = Arc::new(AtomicU64::new(0));
        let thread = thread::Builder::new().name("log".into());
        let counter = Arc::clone(&lost);
        let started = thread.spawn(move || write(&messages, out, &counter));
        Lines { writer: started.is_ok().then_some(writer), lost }
    }

    fn write(&self, line: String) {
        let sent = self.writer.as_ref().map(|writer| writer.try_send(Message::Line(line)));
        if !matches!(sent, Some(Ok(()))) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self, patience: Duration) {
        let Some(writer) = &self.writer else { return };
        let deadline = Instant::now() + patience;
        let (done, written) = sync_channel(0);
        let mut message = Message::Flush(done);
        while let Err(TrySendError::Full(unsent)) = writer.try_send(message) {
            if Instant::now() > deadline {
                return;
            }
            message = unsent;
            thread::sleep(LOOK);
        }
        // Either way the wait is over: nothing is ever sent.
        let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

fn write(messages: &Receiver<Message>, mut out: impl Write, lost: &AtomicU64) {
    for message in messages {
        match message {
            Message::Flush(waiting) => drop(waiting),
            Message::Line(line) if out.write_all(line.as_bytes()).is_ok() => {}
            Message::Line(_) => drop(lost.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;

    /// Writes into memory, once it is let.
    struct Gate {
        opened: mpsc::Receiver<()>,
        open: bool,
        text: Arc<Mutex<String>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.open {
                let _ = self.opened.recv();
                self.open = true;
            }
            self.text.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stopped_costs_lines_and_no_time() {
        let (open, opened) = mpsc::channel();
        let text = Arc::new(Mutex::new(String::new()));
        let lines = Lines::to(Gate { opened, open: false, text: Arc::clone(&text) });
        for number in 0..ROOM + 10 {
            lines.write(format!("{number}\n"));
        }
        // The thread may or may not have taken the first line out of the channel.
        assert!((9..=10).contains(&lines.lost.load(Ordering::Relaxed)));
        lines.flush(Duration::from_millis(10));
        assert_eq!(*text.lock().unwrap(), "");
        open.send(()).unwrap();
        lines.flush(Duration::from_secs(60));
        assert!(text.lock().unwrap().starts_with("0\n1\n2\n"), "{text:?}");
    }

    /// A pipe without a reader.
    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_is_gone_costs_lines_alone() {
        let lines = Lines::to(Broken);
        lines.write("one\n".into());
        lines.write("two\n".into());
        lines.flush(Duration::from_secs(60));
        assert_eq!(lines.lost.load(Ordering::Relaxed), 2);
    }
}
