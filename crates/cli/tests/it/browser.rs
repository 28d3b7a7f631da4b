//! A headless Chromium, driven over its DevTools pipe.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What Debian and others call it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// One page of a browser that ends with the test.
pub struct Browser {
    process: Child,
    commands: File,
    answers: BufReader<File>,
    session: Option<String>,
    count: u64,
    /// The browser's own files, and the pipes.
    _folder: TempDir,
}

/// The name of an installed browser.
pub fn installed() -> Option<&'static str> {
    let works =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|told| told.status.success());
    NAMES.into_iter().find(works)
}

impl Browser {
    /// Starts `program` with an empty page of `width` x `height`, of a phone or not.
    pub fn start(program: &str, [width, height]: [u32; 2], phone: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipes = ["commands", "answers"].map(|name| folder.path().join(name));
        for pipe in &pipes {
            mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        }
        // The pipe's ends are descriptors 3 and 4, which a shell can give.
        let flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run";
        let script = format!(
            "exec {program} {flags} --user-data-dir=\"$2\" --remote-debugging-pipe 3<\"$0\" 4>\"$1\""
        );
        let process = Command::new("sh")
            .args(["-c", &script])
            .args(&pipes)
            .arg(folder.path().join("profile"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = OpenOptions::new().write(true).open(&pipes[0]).unwrap();
        let answers = BufReader::new(File::open(&pipes[1]).unwrap());
        let mut browser = Browser { process, commands, answers, session: None, count: 0, _folder: folder };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": phone});
        browser.call("Emulation.setDeviceMetricsOverride", screen);
        browser.call("Emulation.setTouchEmulationEnabled", json!({"enabled": phone}));
        browser
    }

    /// The result of one command of the DevTools protocol.
    #[expect(clippy::needless_pass_by_value, reason = "made where it is given")]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.count += 1;
        let mut message = json!({"id": self.count, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut text = Vec::new();
            let read = self.answers.read_until(0, &mut text).unwrap();
            assert!(read > 0, "the browser ended at {method}");
            text.pop();
            let mut answer: Value = serde_json::from_slice(&text).unwrap();
            // Whatever else comes are events.
            if answer["id"] == self.count {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }

    /// The value of a JavaScript expression.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut told = self.call("Runtime.evaluate", asked);
        assert!(told.get("exceptionDetails").is_none(), "{expression}: {told}");
        told["result"]["value"].take()
    }

    /// Opens `url`, and returns when it is there.
    pub fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
        self.wait_for(&format!("location.href.startsWith('{url}') && document.readyState === 'complete'"));
    }

    /// Waits until a JavaScript expression is true.
    pub fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.evaluate(expression) != Value::Bool(true) {
            let page = || "document.body ? document.body.innerText : location.href";
            assert!(begun.elapsed() < Duration::from_secs(60), "{expression}: {}", self.evaluate(page()));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Draws along `points` with the mouse.
    pub fn draw(&mut self, points: &[[f64; 2]]) {
        let event = |kind: &str, [x, y]: [f64; 2]| json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1});
        self.call("Input.dispatchMouseEvent", event("mousePressed", points[0]));
        for &point in points {
            self.call("Input.dispatchMouseEvent", event("mouseMoved", point));
        }
        self.call("Input.dispatchMouseEvent", event("mouseReleased", points[points.len() - 1]));
    }

    /// Draws along `points` with a finger.
    pub fn touch(&mut self, points: &[[f64; 2]]) {
        for (at, [x, y]) in points.iter().enumerate() {
            let kind = if at == 0 { "touchStart" } else { "touchMove" };
            self.call("Input.dispatchTouchEvent", json!({"type": kind, "touchPoints": [{"x": x, "y": y}]}));
        }
        self.call("Input.dispatchTouchEvent", json!({"type": "touchEnd", "touchPoints": []}));
    }

    /// Chooses `file` in the page's file input.
    pub fn choose(&mut self, file: &Path) {
        let document = self.call("DOM.getDocument", json!({}));
        let wanted = json!({"nodeId": document["root"]["nodeId"], "selector": "input[type=file]"});
        let node = self.call("DOM.querySelector", wanted);
        self.call("DOM.setFileInputFiles", json!({"nodeId": node["nodeId"], "files": [file]}));
    }

    /// Writes what the page looks like as a PNG.
    pub fn photograph(&mut self, file: &Path) {
        let told = self.call("Page.captureScreenshot", json!({"format": "png"}));
        fs::write(file, BASE64_STANDARD.decode(told["data"].as_str().unwrap()).unwrap()).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
